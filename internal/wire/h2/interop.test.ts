import { Client, credentials } from '@grpc/grpc-js';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import * as http2 from 'node:http2';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GrpcError, openGrpc, type GrpcChannel } from '../../io/grpc.ts';
import {
  GrpcStatus,
  serveGrpc,
  type GrpcServer,
  type GrpcServerStream,
} from '../../io/grpc-server.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert } from '../../pki/certificate.ts';
import { GrpcConnection } from './grpc.ts';
import { hello, prefixed } from './testing/peer.ts';

/** Other people's clients against real sockets. */
const dir = mkdtempSync(join(tmpdir(), 'skiff-h2-'));
const socketPath = join(dir, 'grpc.sock');
const large = 10 * 1024 * 1024;
const doors = { nowMs: Date.now(), random: realRandom };
const ca = issueCa({ ...doors, cn: 'ca' });
const serverCert = issueCert({
  ...doors,
  ca,
  cn: 'server',
  usages: ['server'],
  sans: ['127.0.0.1'],
});
const clientCert = issueCert({ ...doors, ca, cn: 'client', usages: ['client'] });
const raw = { encode: (bytes: Buffer) => bytes, decode: (bytes: Buffer) => bytes };
const forEver = { timeoutMs: 0 };
let plain: GrpcServer;
let secure: GrpcServer;
let streams: GrpcServerStream[] = [];
let closed = 0;

const options = {
  maxRequestBytes: large + 1000,
  unary: new Map<string, (request: Buffer) => Buffer | Promise<Buffer>>([
    ['/t/echo', (request) => Buffer.from(request)],
    ['/t/later', (request) => Promise.resolve(request).then((bytes) => Buffer.from(bytes))],
    ['/t/fail', () => Promise.reject(new GrpcStatus(9, 'nicht möglich'))],
    [
      '/t/throw',
      () => {
        throw new Error('unexpected');
      },
    ],
  ]),
  streams: new Map([
    [
      '/t/stream',
      (stream: GrpcServerStream) => {
        streams.push(stream);
        stream.onMessage = (message) => void stream.send(message);
        stream.onEnd = () => stream.end();
        stream.onClosed = () => closed++;
      },
    ],
  ]),
  http: (path: string) =>
    Promise.resolve({ status: 200, type: 'text/plain', body: `plain ${path}` }),
};
const start = (
  more: object,
  listen: { host: string; port: number } | { path: string },
): Promise<GrpcServer> =>
  serveGrpc(
    { ...options, ...more, listen: [listen] },
    (served, transport) => new GrpcConnection(served, transport),
  );

beforeAll(async () => {
  plain = await serveGrpc(
    { ...options, listen: [{ host: '127.0.0.1', port: 0 }, { path: socketPath }] },
    (served, transport) => new GrpcConnection(served, transport),
  );
  secure = await start(
    { tls: { key: serverCert.key, cert: serverCert.cert, clientCa: ca.cert } },
    { host: '127.0.0.1', port: 0 },
  );
});
afterAll(async () => {
  await plain.close();
  await secure.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  streams = [];
  closed = 0;
});

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe.each(['tcp', 'unix'])('grpc-js on %s', (kind) => {
  let channel: GrpcChannel;
  const call = (path: string, bytes: Buffer): Promise<Buffer> =>
    channel.call('test', { path, ...raw }, bytes, forEver);
  beforeAll(() => {
    channel = openGrpc(kind === 'tcp' ? `127.0.0.1:${plain.ports[0]}` : `unix://${socketPath}`);
  });
  afterAll(() => channel.close());

  test('calls, large ones and many at once', async () => {
    expect((await call('/t/echo', Buffer.from('hello'))).toString()).toBe('hello');
    const body = Buffer.alloc(large, 'body');
    expect((await call('/t/later', body)).equals(body)).toBe(true);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        call(i % 2 === 0 ? '/t/echo' : '/t/later', Buffer.from(`${i}`)),
      ),
    );
    expect(answers.map(String)).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
  });

  test.each([
    ['/t/fail', 9, 'nicht möglich'],
    ['/t/throw', 2, 'unexpected'],
    ['/t/none', 12, 'unknown method none for service t'],
  ])('%s has its code and text', async (path, code, text) => {
    const error = await call(path, Buffer.alloc(0)).then(
      () => undefined,
      (failed: unknown) => failed,
    );
    expect(error).toBeInstanceOf(GrpcError);
    expect(error).toMatchObject({ grpcCode: code, message: text });
  });

  test('a request that is too large is refused, and the connection lives on', async () => {
    await expect(call('/t/echo', Buffer.alloc(large + 2000))).rejects.toMatchObject({
      grpcCode: 8,
    });
    expect((await call('/t/echo', Buffer.from('on'))).toString()).toBe('on');
  });

  test('a stream that is left ends at the server', async () => {
    const leave = channel.stream(
      'test',
      { path: '/t/stream', ...raw },
      Buffer.from('first'),
      {},
      { data: () => leave(), ended: () => undefined },
    );
    await until(() => closed === 1);
    expect(streams).toHaveLength(1);
  });
});

describe("node's client", () => {
  let session: http2.ClientHttp2Session;
  beforeEach(async () => {
    session = http2.connect(`http://127.0.0.1:${plain.ports[0]}`);
    session.on('error', () => undefined);
    await new Promise((resolve) => session.on('connect', resolve));
  });
  afterEach(() => session.destroy());
  const open = (path: string): http2.ClientHttp2Stream =>
    session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });

  test('a reader that is slow makes the server wait, and gets everything', async () => {
    const stream = open('/t/stream');
    stream.pause();
    await until(() => streams.length === 1);
    const [server] = streams as [GrpcServerStream];
    const chunk = Buffer.alloc(100_000, 'c');
    let sent = 0;
    let drains = 0;
    const fill = (): void => {
      while (sent < 100 && server.send(chunk)) sent++;
      if (sent < 100) sent++;
      else server.end();
    };
    server.onDrain = () => {
      drains++;
      fill();
    };
    fill();
    await new Promise<void>((resolve) => session.ping(() => resolve()));
    expect(server.waitingBytes).toBeGreaterThan(0);
    expect(sent).toBeLessThan(10);
    let got = 0;
    stream.on('data', (bytes: Buffer) => (got += bytes.length)).resume();
    const trailers = await new Promise<http2.IncomingHttpHeaders>((resolve) =>
      stream.on('trailers', resolve),
    );
    expect([trailers['grpc-status'], got, drains > 3]).toEqual(['0', 100 * 100_005, true]);
  });

  test('1000 streams at once, of which half are reset', async () => {
    const calls = Array.from({ length: 1000 }, () => open('/t/stream'));
    calls.forEach((stream) => {
      stream.on('error', () => undefined);
      stream.write(prefixed(Buffer.from('x')));
    });
    await until(() => streams.length === 1000);
    let received = 0;
    for (const stream of calls) stream.on('data', (bytes: Buffer) => (received += bytes.length));
    await until(() => received === 6000);
    calls.slice(500).forEach((stream) => stream.close(http2.constants.NGHTTP2_CANCEL));
    await until(() => closed === 500);
    const ends = calls
      .slice(0, 500)
      .map((stream) => new Promise((resolve) => stream.on('close', resolve)));
    calls.slice(0, 500).forEach((stream) => stream.end());
    await Promise.all(ends);
    expect(closed).toBe(1000);
  });

  test('pings on a connection where nothing moves', async () => {
    for (let i = 0; i < 100; i++)
      await new Promise<void>((resolve, reject) =>
        session.ping(Buffer.alloc(8, i), (error, _ms, payload) =>
          error || !payload.equals(Buffer.alloc(8, i))
            ? reject(error ?? new Error('other bytes'))
            : resolve(),
        ),
      );
    expect(session.destroyed).toBe(false);
  });

  test('a server that closes says so, and ends what is open', async () => {
    const own = await start({}, { host: '127.0.0.1', port: 0 });
    const other = http2.connect(`http://127.0.0.1:${own.ports[0]}`);
    other.on('error', () => undefined);
    const stream = other.request({
      ':method': 'POST',
      ':path': '/t/stream',
      'content-type': 'application/grpc',
    });
    stream.on('error', () => undefined);
    await until(() => streams.length === 1);
    const goodbye = new Promise<number>((resolve) => other.on('goaway', resolve));
    const gone = new Promise((resolve) => other.on('close', resolve));
    await own.close();
    expect(await goodbye).toBe(http2.constants.NGHTTP2_NO_ERROR);
    await gone;
    expect(closed).toBe(1);
  });
});

describe('behind TLS', () => {
  const identity = { ca: ca.cert, key: clientCert.key, cert: clientCert.cert };

  test('a client with a certificate is served, also what is large', async () => {
    const client = new Client(
      `127.0.0.1:${secure.ports[0]}`,
      credentials.createSsl(
        Buffer.from(ca.cert),
        Buffer.from(clientCert.key),
        Buffer.from(clientCert.cert),
      ),
      { 'grpc.max_receive_message_length': -1 },
    );
    const call = (bytes: Buffer): Promise<Buffer> =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest('/t/later', raw.encode, raw.decode, bytes, (error, answer) =>
          error ? reject(error) : resolve(answer as Buffer),
        ),
      );
    const body = Buffer.alloc(large, 'tls');
    for (let i = 0; i < 3; i++) expect((await call(body)).equals(body)).toBe(true);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => call(Buffer.from(`${i}`))),
    );
    expect(answers.map(String)).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`));
    client.close();
  });

  test('one without is not', async () => {
    // With TLS 1.3 the client learns of it only after it thinks that it is connected.
    const socket = tlsConnect({
      host: '127.0.0.1',
      port: secure.ports[0] as number,
      ca: ca.cert,
      ALPNProtocols: ['h2'],
    });
    let said = 0;
    socket.on('data', (bytes: Buffer) => (said += bytes.length));
    socket.on('error', () => undefined);
    socket.write(hello);
    await new Promise((resolve) => socket.on('close', resolve));
    expect(said).toBe(0);
  });

  test('probes are answered', async () => {
    const body = await new Promise<string>((resolve, reject) => {
      httpsGet(`https://127.0.0.1:${secure.ports[0]}/health`, identity, (response) => {
        let text = '';
        response.on('data', (bytes: Buffer) => (text += bytes.toString()));
        response.on('end', () => resolve(text));
      }).on('error', reject);
    });
    expect(body).toBe('plain /health');
  });
});

test('probes over HTTP/1.1 are answered on the port of the calls', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    httpGet(`http://127.0.0.1:${plain.ports[0]}/version`, (response) =>
      resolve(response.resume().statusCode),
    ).on('error', reject);
  });
  expect(status).toBe(200);
});

test("the socket is its owner's alone, and a port that is taken is told", async () => {
  expect((statSync(socketPath).mode & 0o777).toString(8)).toBe('600');
  await expect(
    start({}, { host: '127.0.0.1', port: plain.ports[0] as number }),
  ).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: expect.stringContaining(`127.0.0.1:${plain.ports[0]}`) as string,
  });
});

test('a client that breaks the protocol is told why, and closed', async () => {
  const socket = connect(plain.ports[0] as number, '127.0.0.1');
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('000000040000000000' + '000000000000000000', 'hex'),
    ]),
  );
  const said: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => said.push(bytes));
  await new Promise((resolve) => socket.on('close', resolve));
  expect(Buffer.concat(said).toString('latin1')).toContain('DATA on stream 0');
});
