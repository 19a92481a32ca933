import { createServer as createHttps } from 'node:https';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough, type Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { issueCa, issueCert } from '../pki/certificate.ts';
import { multiplexAcceptor, multiplexOpener, type Acceptor, type Opener } from './multiplexer.ts';
import { realRandom } from './random.ts';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** Two ends of one connection that has spoken HTTP/1.1 over TLS before, as a tunnel's has. */
async function upgraded(): Promise<[server: Duplex, client: Duplex]> {
  const issuing = { nowMs: Date.now(), random: realRandom };
  const ca = issueCa({ ...issuing, cn: 'ca' });
  const tls = issueCert({ ...issuing, ca, cn: 'a', sans: ['localhost'], usages: ['server'] });
  const door = createHttps({ key: tls.key, cert: tls.cert });
  const taken = new Promise<Duplex>((resolve) =>
    door.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      resolve(socket);
    }),
  );
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  ends.push(() => door.close());
  const { port } = door.address() as AddressInfo;
  const client = await new Promise<Duplex>((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'x' };
    const asked = httpsRequest({ host: 'localhost', family: 4, port, ca: ca.cert, headers });
    asked.on('upgrade', (_answer, socket) => resolve(socket));
    asked.on('error', reject);
    asked.end();
  });
  return [await taken, client];
}

async function tunnel(
  accept: (authority: string) => Promise<Duplex>,
): Promise<{ opener: Opener; acceptor: Acceptor; lost: Promise<void> }> {
  const [server, client] = await upgraded();
  let lose = (): void => undefined;
  const lost = new Promise<void>((resolve) => (lose = resolve));
  const opener = multiplexOpener(server, { lost: () => lose(), pinged: () => undefined });
  const acceptor = multiplexAcceptor(client, { accept, ended: () => undefined });
  ends.push(
    () => opener.close(),
    () => acceptor.destroy(),
  );
  return { opener, acceptor, lost };
}

async function echoServer(): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const toHere = (authority: string): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(authority.split(':')[1]), '127.0.0.1');
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });

test('carries many connections whole, both ways, and their ends', async () => {
  const port = await echoServer();
  const { opener } = await tunnel(toHere);
  const sent = Array.from({ length: 8 }, (_, i) => Buffer.alloc(2_000_000 + i, i));
  await Promise.all(
    sent.map(async (bytes) => {
      const stream = await opener.open(`node:${port}`);
      stream.end(bytes);
      const got: Buffer[] = [];
      for await (const chunk of stream) got.push(chunk as Buffer);
      expect(Buffer.concat(got).equals(bytes)).toBe(true);
    }),
  );
});

test('readers that stand still hold up nobody else, nor fills this process', async () => {
  const port = await echoServer();
  let pushed = 0;
  const endless = (): Duplex => {
    const source = new PassThrough();
    const more = (): void => {
      while (!source.destroyed && source.write(Buffer.alloc(65_536))) pushed += 65_536;
    };
    source.on('drain', more);
    more();
    return source;
  };
  const { opener } = await tunnel((to) =>
    to === 'endless:1' ? Promise.resolve(endless()) : toHere(to),
  );
  // More of them than the window of the whole tunnel holds.
  for (let i = 0; i < 40; i += 1) (await opener.open('endless:1')).pause();
  const stream = await opener.open(`node:${port}`);
  stream.end(Buffer.alloc(1_000_000, 7));
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  expect(bytes).toBe(1_000_000);
  expect(pushed).toBeLessThan(40 * 1_000_000);
});

test('what is refused there is an error here, and the tunnel goes on', async () => {
  const port = await echoServer();
  const { opener, acceptor } = await tunnel((to) =>
    to.endsWith(':1') ? Promise.reject(new Error('no')) : toHere(to),
  );
  await expect(opener.open('node:1')).rejects.toThrow(/refused with status 403/);
  await acceptor.ping(5000);
  (await opener.open(`node:${port}`)).destroy();
});

test('its end is told at both ends, and what is opened then fails', async () => {
  const { opener, acceptor, lost } = await tunnel(toHere);
  acceptor.destroy();
  await lost;
  await expect(opener.open('node:1')).rejects.toThrow(/has ended/);
});
