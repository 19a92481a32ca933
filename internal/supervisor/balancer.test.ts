import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { startBalancer, type Balancer } from './balancer.ts';
import { ServerList } from './server-list.ts';

const log = makeLog({ level: 'error' });
const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** A server that says its name to whoever comes, and then what it is told. */
async function named(name: string): Promise<{ at: string; stop(): void }> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
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
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
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
