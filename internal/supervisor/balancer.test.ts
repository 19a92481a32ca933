import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { realClock } from '../io/clock.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk, type Disk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { startBalancer, type Balancer } from './balancer.ts';
import { ServerList } from './server-list.ts';

const log = makeLog({ level: 'error' });
const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** A server that says its name to whoever comes, and then what it is told. */
async function named(name: string): Promise<{ at: string; from(): number; stop(): void }> {
  let from = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    from = socket.remotePort ?? 0;
    socket.on('error', () => undefined);
    socket.write(name);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  ends.push(stop);
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, from: () => from, stop };
}

async function balanced(servers: ServerList): Promise<Balancer> {
  const balancer = await startBalancer({ port: 0, servers, clock: realClock, disk: realDisk, log });
  ends.push(() => balancer.stop());
  return balancer;
}

/** What the other end says first; nothing when it closes. */
function asked(port: number): Promise<{ said: string; socket: Socket }> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    ends.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => resolve({ said: chunk.toString(), socket }));
    socket.once('close', () => resolve({ said: '', socket }));
  });
}

test('leads to a server that lives, and to another when that one dies', async () => {
  const [a, b] = [await named('a'), await named('b')];
  const servers = new ServerList('127.0.0.1:1', [a.at, b.at]);
  const { port } = await balanced(servers);
  const first = await asked(port);
  expect(first.said).toBe('a');
  expect((await asked(port)).said).toBe('a');
  const ended = new Promise<void>((resolve) => first.socket.once('close', () => resolve()));
  a.stop();
  await ended;
  expect((await asked(port)).said).toBe('b');
  expect(servers.order()[0]).toBe(b.at);
});

test('carries bytes whole and both ways', async () => {
  const a = await named('');
  const { port } = await balanced(new ServerList(a.at, []));
  const bytes = Buffer.alloc(3_000_000, 'skiff');
  const got = await new Promise<Buffer>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (chunks.reduce((n, c) => n + c.length, 0) === bytes.length) socket.destroy();
    });
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.write(bytes);
  });
  expect(got.equals(bytes)).toBe(true);
});

test('closes when no server lives, and answers again when one does', async () => {
  const gone = await named('gone');
  gone.stop();
  const servers = new ServerList(gone.at, []);
  const { port } = await balanced(servers);
  expect((await asked(port)).said).toBe('');
  const back = await named('back');
  servers.learn([back.at]);
  expect((await asked(port)).said).toBe('back');
});

/** A kernel that says how often it has repeated what is on its way to a server's port. */
function kernel(port: number, repeated: () => number, from: () => number): Disk {
  const hex = (n: number): string => n.toString(16).toUpperCase().padStart(4, '0');
  const table = (): string =>
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n' +
    `   0: 0100007F:${hex(from())} 0100007F:${hex(port)} 01 0000000A:00000000 01:00000014 ` +
    `${hex(repeated()).padStart(8, '0')} 0 0 1\n`;
  return { ...realDisk, readIfThere: () => Promise.resolve(Buffer.from(table())) };
}

test.each([
  ['few repetitions end it when another server lives', 2, true, true],
  ['few repetitions end nothing when no other server does', 2, false, false],
  ['one repetition ends nothing', 1, true, false],
  ['many repetitions end it', 5, false, true],
])('a server that acknowledges nothing: %s', async (_what, repeated, another, ends_) => {
  const [a, b] = [await named('a'), await named('b')];
  if (!another) b.stop();
  const clock = new FakeClock();
  const servers = new ServerList('127.0.0.1:1', [a.at, b.at]);
  servers.good(a.at);
  const port = Number(a.at.split(':')[1]);
  const balancer = await startBalancer({
    port: 0,
    servers,
    clock,
    disk: kernel(
      port,
      () => repeated,
      () => a.from(),
    ),
    log,
  });
  ends.push(() => balancer.stop());
  const { said, socket } = await asked(balancer.port);
  expect(said).toBe('a');
  let closed = false;
  socket.once('close', () => (closed = true));
  socket.write('x');
  await new Promise((resolve) => socket.once('data', resolve));
  await clock.advance(1000);
  if (ends_) {
    await vi.waitFor(() => expect(closed).toBe(true));
    expect((await asked(balancer.port)).said).toBe(another ? 'b' : 'a');
    return;
  }
  for (let i = 0; i < 3; i += 1) {
    await clock.advance(1000);
    socket.write('y');
    await new Promise((resolve) => socket.once('data', resolve));
  }
  expect(closed).toBe(false);
});

test('a port that somebody has is told in one line', async () => {
  const a = await named('a');
  const port = Number(a.at.split(':')[1]);
  const servers = new ServerList(a.at, []);
  await expect(
    startBalancer({ port, servers, clock: realClock, disk: realDisk, log }),
  ).rejects.toMatchObject({
    message: /cannot be had/,
    hint: expect.stringMatching(/lb-server-port/),
  });
});
