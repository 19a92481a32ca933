import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueCa, issueCert } from '../pki/certificate.ts';
import { listenHttps, type HttpsListener } from './https-server.ts';
import { realRandom } from './random.ts';
import { speakHttp2 } from '../wire/h2/http.ts';

const now = { nowMs: Date.now(), random: realRandom };
const ca = issueCa({ ...now, cn: 'ca' });
const serving = issueCert({
  ...now,
  ca,
  cn: 'server',
  sans: ['localhost', '127.0.0.1'],
  usages: ['server'],
});

let listener: HttpsListener;
/** With the bounds of every day, so that only what HTTP/2 itself refuses ends a connection soon. */
let usual: HttpsListener;
const sockets: { destroy(): void }[] = [];

beforeAll(async () => {
  listener = await listenHttps('test', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    key: serving.key,
    cert: serving.cert,
    limits: {
      handshakeMs: 300,
      headerMs: 300,
      idleMs: 600,
      sweepMs: 50,
      strangersPerAddress: 20,
      perUser: 3,
    },
    onRequest: (q, a) => {
      const user = q.headers['x-user'];
      if (typeof user === 'string' && !listener.know(q, { name: user, bounded: true }))
        (a as import('node:http').ServerResponse).writeHead(429);
      if (q.url === '/never') return;
      (a as import('node:http').ServerResponse).end('ok');
    },
    onUpgrade: (_q, socket) =>
      void socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      ),
  });
});

beforeAll(async () => {
  usual = await listenHttps('usual', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    key: serving.key,
    cert: serving.cert,
    onRequest: () => undefined,
    onUpgrade: () => undefined,
  });
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await listener.close();
  await usual.close();
});

function tls(alpn: string[] = [], { port } = listener): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: ca.cert, ALPNProtocols: alpn }, () =>
      resolve(socket),
    );
    sockets.push(socket);
    socket.on('error', reject);
  });
}

/** What came before the server hung up, or undefined when it had not within `ms`. */
function untilClosed(socket: Socket, ms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const timer = setTimeout(() => resolve(undefined), ms);
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.resume();
  });
}

describe('what never becomes a request', () => {
  test('TLS that is never begun', async () => {
    const socket = connectTcp(listener.port, '127.0.0.1');
    sockets.push(socket);
    expect(await untilClosed(socket, 3000)).toBeDefined();
  });

  test.each([
    ['nothing after the handshake', [], ''],
    ['half a request line', [], 'GET / HT'],
    ['half the headers', [], 'GET / HTTP/1.1\r\nhost: x\r\nx-a: '],
    ['HTTP/2 without its preface', ['h2'], ''],
    ['HTTP/2 with half a preface', ['h2'], 'PRI * HTTP'],
    [
      'HTTP/2 with a preface and no request',
      ['h2'],
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    ],
  ])('%s', async (_name, alpn, text) => {
    const socket = await tls(alpn);
    socket.write(text, 'latin1');
    expect(await untilClosed(socket, 3000)).toBeDefined();
  });

  test('headers that drip byte by byte', async () => {
    const socket = await tls();
    socket.write('GET / HTTP/1.1\r\nx-a: ');
    const drip = setInterval(() => socket.write('a'), 50);
    expect(await untilClosed(socket, 3000)).toBeDefined();
    clearInterval(drip);
  });

  test('a second request that never comes whole', async () => {
    const socket = await tls();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nx-a: ');
    expect(await untilClosed(socket, 3000)).toContain('200 OK');
  });
});

describe('what stays', () => {
  test('a request that is being answered, and an upgraded connection', async () => {
    const asking = await tls();
    asking.write('GET /never HTTP/1.1\r\nhost: x\r\n\r\n');
    const upgraded = await tls();
    upgraded.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    const [a, b] = await Promise.all([untilClosed(asking, 1500), untilClosed(upgraded, 1500)]);
    expect([a, b]).toEqual([undefined, undefined]);
  });

  test('a known client in a flood of strangers', async () => {
    const good = await tls();
    good.write('GET / HTTP/1.1\r\nhost: x\r\nx-user: good\r\n\r\n');
    await new Promise((resolve) => good.once('data', resolve));
    const flood = Array.from({ length: 60 }, () => {
      const socket = connectTcp(listener.port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      return socket;
    });
    let closed = 0;
    for (const socket of flood) socket.on('close', () => closed++);
    await expect.poll(() => closed).toBeGreaterThanOrEqual(40);
    good.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(String(await new Promise<Buffer>((resolve) => good.once('data', resolve)))).toContain(
      '200 OK',
    );
    for (const socket of flood) socket.destroy();
  });
});

test('a user has so many connections and no more', async () => {
  const ask = async (): Promise<string> => {
    const socket = await tls();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nx-user: greedy\r\n\r\n');
    return String(await new Promise<Buffer>((resolve) => socket.once('data', resolve))).slice(
      9,
      12,
    );
  };
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
    '200',
    '200',
    '200',
    '429',
  ]);
});

describe('headers', () => {
  test('beyond the bound: 431 over HTTP/1.1', async () => {
    const socket = await tls();
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(80_000)}\r\n\r\n`);
    expect(await untilClosed(socket, 3000)).toContain('431');
  });

  test('of 40 KiB are taken', async () => {
    const status = await new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: listener.port,
          ca: ca.cert,
          headers: { 'x-a': 'a'.repeat(40_000) },
        },
        (answer) => resolve(answer.resume().statusCode),
      );
      asked.on('error', reject);
      asked.end();
    });
    expect(status).toBe(200);
  });

  test('beyond the bound: the stream is refused over HTTP/2', async () => {
    const session = h2();
    const outcome = await new Promise((resolve) => {
      const stream = session.request({ ':path': '/', 'x-a': 'a'.repeat(80_000) });
      stream.on('response', (headers) => resolve(headers[':status']));
      stream.on('error', () => resolve('refused'));
      stream.on('close', () => resolve('refused'));
      stream.end();
    });
    expect(['refused', 431]).toContain(outcome);
    session.destroy();
  });
});

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** `GET /never` at `x` in HPACK. */
const never = Buffer.concat([
  Buffer.from([0x82, 0x87, 0x04, 6]),
  Buffer.from('/never'),
  Buffer.from([0x41, 1, 0x78]),
]);

const pingFrame = frame(6, 0, 0, Buffer.alloc(8));

describe('HTTP/2 floods end the connection, or are not read', () => {
  const settings = frame(4, 0, 0);
  const piece = (make: (i: number) => Buffer, count = 3000): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  test.each([
    [
      'streams opened to be reset',
      piece((i) =>
        Buffer.concat([
          frame(1, 5, 2 * i + 1, never),
          frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])),
        ]),
      ),
    ],
    [
      'one header block without an end',
      Buffer.concat([
        frame(1, 0, 1, never),
        piece(
          () => frame(9, 0, 1, Buffer.from([0, 1, 0x61, 127, ...Buffer.alloc(127, 0x62)])),
          3000,
        ),
      ]),
    ],
    [
      'empty continuations',
      Buffer.concat([frame(1, 0, 1, never), piece(() => frame(9, 0, 1), 3000)]),
    ],
    // More than what the kernel keeps for a reader that does not come.
    ['pings whose answers are not read', piece(() => pingFrame, 1_000_000)],
    ['settings whose answers are not read', piece(() => settings, 1_000_000)],
  ])('%s', async (_name, flood) => {
    const socket = await tls(['h2'], usual);
    socket.pause();
    socket.write(Buffer.concat([Buffer.from(preface), settings, flood]));
    // Or the server reads no further, until the connection ends for want of a request: then what
    // waits stays as long as it was.
    let waits = -1;
    await expect
      .poll(
        () =>
          closedOrEnded(socket) ||
          (socket.writableLength > pingFrame.length && waits === (waits = socket.writableLength)),
        { timeout: 10_000, interval: 1_000 },
      )
      .toBe(true);
  });
});

/** A paused socket does not hear the end: it is asked by reading what is there. */
function closedOrEnded(socket: TLSSocket): boolean {
  if (!socket.writable || socket.destroyed) return true;
  if (socket.writableLength === 0) socket.write(pingFrame);
  return false;
}

function h2(): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca: ca.cert });
  session.on('error', () => undefined);
  sockets.push(session);
  return session;
}
