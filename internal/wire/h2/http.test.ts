import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { breakOff } from '../../io/break-off.ts';
import { Http2Request, type Http2Answer } from '../../io/http2-exchange.ts';
import {
  listenHttps,
  type HttpsListener,
  type ServerAnswer,
  type ServerRequest,
} from '../../io/https-server.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert } from '../../pki/certificate.ts';
import { errorCode, frameType } from './frames.ts';
import { speakHttp2 } from './http.ts';
import { endStream, frame, settings, u32 } from './testing/peer.ts';
import { RawClient } from './testing/raw-client.ts';
import { asked, begun, get, post } from './testing/requests.ts';

const { data, rstStream, goAway, windowUpdate } = frameType;
const now = { nowMs: Date.now(), random: realRandom };
const ca = issueCa({ ...now, cn: 'ca' });
const serving = issueCert({
  ...now,
  ca,
  cn: 'server',
  sans: ['localhost', '127.0.0.1'],
  usages: ['server'],
});
const megabyte = 1 << 20;
const large = Buffer.alloc(10 * megabyte, 'large body ');

type Handler = (request: Http2Request, answer: Http2Answer) => void;
const handlers: Record<string, Handler> = {
  '/hello': (_request, answer) => void answer.end('hello'),
  '/echo': (request, answer) => void request.pipe(answer),
  '/large': (_request, answer) => void answer.end(large),
  '/no': (_request, answer) => void answer.writeHead(413).end('no'),
  '/none': (_request, answer) => void answer.writeHead(204).end(),
  '/cookies': (_request, answer) =>
    void answer.setHeader('Set-Cookie', ['a=1', 'b=2']).setHeader('connection', 'close').end('x'),
  '/half': (_request, answer) => {
    answer.write('half');
    setTimeout(() => breakOff(answer), 20);
  },
  '/keep': () => undefined,
};
let listener: HttpsListener;
let seen: { request: Http2Request; answer: Http2Answer }[] = [];

const listen = (): Promise<HttpsListener> =>
  listenHttps('test', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    ...serving,
    onRequest: (request: ServerRequest, answer: ServerAnswer) => {
      if (!(request instanceof Http2Request)) return void answer.end('HTTP/1.1');
      seen.push({ request, answer: answer as Http2Answer });
      handlers[request.url.split('?')[0] ?? '']?.(request, answer as Http2Answer);
    },
    onUpgrade: () => undefined,
  });

beforeAll(async () => void (listener = await listen()));
afterAll(() => listener.close());
beforeEach(() => void (seen = []));

const raw = ({ port } = listener): Promise<RawClient> =>
  RawClient.open({ host: '127.0.0.1', port, ca: ca.cert });
const of = async (n = 0): Promise<(typeof seen)[0]> => {
  await expect.poll(() => seen.length).toBeGreaterThan(n);
  return seen[n] as (typeof seen)[0];
};
const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('node:http2', () => {
  let session: ClientHttp2Session;
  beforeAll(() => {
    const url = `https://127.0.0.1:${listener.port}`;
    session = connect(url, { ca: ca.cert, maxSessionMemory: 100 });
  });
  afterAll(() => session.close());

  function ask(
    fields: Record<string, string>,
    body?: Buffer,
  ): Promise<{ head: IncomingHttpHeaders & { ':status'?: number }; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const stream = session.request(fields, { endStream: body === undefined });
      const parts: Buffer[] = [];
      let head: IncomingHttpHeaders = {};
      stream.on('response', (fields) => (head = fields));
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => resolve({ head, body: Buffer.concat(parts) }));
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
    });
  }

  test('small and large bodies, both ways and at once', async () => {
    expect(String((await ask({ ':path': '/hello' })).body)).toBe('hello');
    const answers = await Promise.all([
      ask({ ':path': '/echo', ':method': 'POST' }, large),
      ask({ ':path': '/large' }),
      ...Array.from({ length: 60 }, (_, i) =>
        ask({ ':path': '/echo', ':method': 'POST' }, Buffer.alloc(i * 1000, `${i}`)),
      ),
    ]);
    expect(sum(answers[0].body)).toBe(sum(large));
    expect(sum(answers[1].body)).toBe(sum(large));
    answers
      .slice(2)
      .forEach(({ body }, i) => expect(sum(body)).toBe(sum(Buffer.alloc(i * 1000, `${i}`))));
  });

  test('heads without bodies', async () => {
    const head = await ask({ ':path': '/large', ':method': 'HEAD' });
    expect([head.head[':status'], head.body.length]).toEqual([200, 0]);
    const none = await ask({ ':path': '/none' });
    expect([none.head[':status'], none.body.length]).toEqual([204, 0]);
  });

  test('fields: several of a name, none of a connection, and a date', async () => {
    const { head } = await ask({ ':path': '/cookies', cookie: 'c=3' });
    expect(head['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(head['connection']).toBeUndefined();
    expect(Date.parse(head['date'] ?? '')).toBeGreaterThan(0);
    const { request } = await of();
    expect([request.headers['cookie'], request.httpVersion]).toEqual(['c=3', '2.0']);
    expect(request.socket.remoteAddress).toBe('127.0.0.1');
  });

  test('fields with spaces around their values, as Go takes them', async () => {
    const client = await raw();
    client.send(
      begun(
        1,
        get(
          [
            ['authorization', 'Bearer '],
            ['x-a', '\t b c \t'],
          ],
          '/hello',
        ),
      ),
    );
    expect(String(await client.body(1))).toBe('hello');
    expect(seen[0]?.request.headers).toMatchObject({ authorization: 'Bearer', 'x-a': 'b c' });
    client.close();
  });

  test('names and values that would be others to the client are not sent', async () => {
    void ask({ ':path': '/keep' }).catch(() => undefined);
    const { answer } = await of();
    expect(() => answer.setHeader('a b', 'c')).toThrow(TypeError);
    answer.setHeader('x-a', 'b\r\nc: d');
    expect(() => answer.flushHeaders()).toThrow(TypeError);
    answer.destroy();
  });

  test('an answer that is broken off is no short whole', async () => {
    await expect(ask({ ':path': '/half' })).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
  });

  test('a client that waits for the word to send its body', async () => {
    const stream = session.request(
      { ':path': '/echo', ':method': 'POST', expect: '100-continue' },
      { endStream: false },
    );
    await new Promise((resolve) => stream.once('continue', resolve));
    stream.end('go on');
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    await new Promise((resolve) => stream.once('end', resolve));
    expect(String(Buffer.concat(parts))).toBe('go on');
  });

  test('a client that goes away', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/keep')));
    const { request, answer } = await of();
    let told = '';
    request.on('aborted', () => (told += 'aborted '));
    answer.on('close', () => (told += 'closed'));
    client.send(frame(rstStream, 0, 1, u32(errorCode.cancel)));
    await expect.poll(() => told).toBe('aborted closed');
    expect([answer.destroyed, answer.writableFinished]).toEqual([true, false]);
    expect(answer.write('nobody hears this')).toBe(false);
    client.send(begun(3, get([], '/keep')));
    const another = await of(1);
    client.close();
    await expect.poll(() => another.answer.destroyed && another.request.destroyed).toBe(true);
  });
});

describe('what a slow client costs', () => {
  test('an answer counts as not written until it is taken', async () => {
    const client = await raw();
    client.send(settings([4, 1000]), asked(1, get([], '/large')));
    await client.head(1);
    const { answer } = await of();
    expect([answer.writableFinished, answer.writableLength]).toEqual([false, large.length]);
    client.send(frame(windowUpdate, 0, 0, u32(1 << 30)), frame(windowUpdate, 0, 1, u32(1 << 30)));
    expect(sum(await client.body(1))).toBe(sum(large));
    await expect.poll(() => answer.writableFinished).toBe(true);
    client.close();
  });

  test('a source is held back', async () => {
    const client = await raw();
    client.send(settings([4, 1000]), asked(1, get([], '/keep')));
    const { answer } = await of();
    let made = 0;
    const part = Buffer.alloc(16_384);
    const go = (): void => {
      while (made < 200 * part.length && answer.write(part)) made += part.length;
    };
    answer.on('drain', go);
    go();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(made).toBeLessThan(5 * part.length);
    client.send(frame(windowUpdate, 0, 0, u32(1 << 30)), frame(windowUpdate, 0, 1, u32(1 << 30)));
    await expect.poll(() => made).toBe(200 * part.length);
    client.close();
  });

  test('no more begins when a hundred megabytes wait', async () => {
    const client = await raw();
    client.send(settings([4, 0]));
    for (let i = 0; i < 11; i++) client.send(asked(2 * i + 1, get([], '/large')));
    await client.head(21);
    client.send(asked(23, get([], '/hello')));
    const refused = await client.frame(rstStream, 23);
    expect(refused.payload.readUInt32BE(0)).toBe(errorCode.refusedStream);
    client.close();
    await expect.poll(() => seen.every(({ answer }) => answer.destroyed)).toBe(true);
  });
});

describe('bodies that nobody reads', () => {
  const part = frame(data, 0, 1, Buffer.alloc(16_000));

  test('are taken up to the window, which comes back with reading', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/keep')), part, part, part, part);
    const { request } = await of();
    await expect.poll(() => request.readableLength).toBe(64_000);
    expect(client.frames.filter((f) => f.type === windowUpdate)).toEqual([]);
    // All of it was asked for by Node before, which asks no second time.
    request.resume();
    expect((await client.frame(windowUpdate)).payload.readUInt32BE(0)).toBeGreaterThan(32_000);
    client.close();
  });

  test('beyond it the connection ends', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/keep')), part, part, part, part, part);
    expect((await client.frame(goAway)).payload.readUInt32BE(4)).toBe(errorCode.flowControlError);
    client.close();
  });

  test('beyond the window of a stream that stream ends', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/keep')));
    const { request } = await of();
    expect(listener.know(request, { name: 'ann', bounded: true })).toBe(true);
    await client.frame(windowUpdate);
    for (let sent = 0; sent <= megabyte; sent += 16_000) client.send(part);
    expect((await client.frame(rstStream, 1)).payload.readUInt32BE(0)).toBe(
      errorCode.flowControlError,
    );
    expect(request.destroyed).toBe(true);
    client.close();
  });

  test('of requests answered before are taken for a moment, and then refused', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/hello')));
    expect(String(await client.body(1))).toBe('hello');
    expect(client.frames.filter((f) => f.type === rstStream)).toEqual([]);
    client.send(part, part);
    expect((await client.frame(rstStream, 1)).payload.readUInt32BE(0)).toBe(errorCode.noError);
    client.send(part, part, asked(3, get([], '/hello')));
    expect(String(await client.body(3))).toBe('hello');
    client.close();
  });

  test('and whose client resets them after the answer', async () => {
    const client = await raw();
    client.send(begun(1, get([], '/hello')), begun(3, get([], '/hello')));
    await client.body(3);
    client.send(frame(rstStream, 0, 1, u32(errorCode.cancel)), frame(data, endStream, 3));
    expect((await client.frame(rstStream, 3)).payload.readUInt32BE(0)).toBe(errorCode.noError);
    client.send(asked(5, get([], '/hello')));
    await client.body(5);
    expect(client.frames.filter((f) => f.type === rstStream)).toHaveLength(1);
    client.close();
  });
});

describe('bounds', () => {
  test('a stranger has a hundred streams, a known client a thousand', async () => {
    const client = await raw();
    const open = (from: number, to: number): void =>
      client.send(
        ...Array.from({ length: to - from }, (_, i) => asked(2 * (from + i) + 1, get([], '/keep'))),
      );
    open(0, 101);
    expect((await client.frame(rstStream, 201)).payload.readUInt32BE(0)).toBe(
      errorCode.refusedStream,
    );
    const { request } = await of();
    listener.know(request, { name: 'ben', bounded: true });
    await client.until(() => client.frames.filter((f) => f.type === 4 && f.flags === 0)[1]);
    for (let from = 101; from < 1001; from += 100) {
      open(from, from + 100);
      await expect.poll(() => seen.length).toBe(from + 99);
    }
    open(1001, 1002);
    expect((await client.frame(rstStream, 2003)).payload.readUInt32BE(0)).toBe(
      errorCode.refusedStream,
    );
    client.close();
  });

  test.each([
    ['resets', (id: number) => frame(rstStream, 0, id, u32(errorCode.cancel))],
    ['mistakes for which streams are reset', (id: number) => frame(windowUpdate, 0, id, u32(0))],
  ])('%s end the connection when they are many', async (_name, end) => {
    const client = await raw();
    for (let i = 0; i < 600 && !client.closed; i += 10) {
      for (let j = i; j < i + 10; j++)
        client.send(begun(2 * j + 1, get([], '/keep')), end(2 * j + 1));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect((await client.frame(goAway)).payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm);
    client.close();
  });

  test('heads that are none end the connection when they are many', async () => {
    const client = await raw();
    for (let i = 0; i < 1200; i++) client.send(asked(2 * i + 1, get([['A', 'b']])));
    expect((await client.frame(goAway)).payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm);
    client.close();
  });
});

test('a listener that closes says so, and lets come to an end what was begun', async () => {
  const other = await listen();
  const client = await raw(other);
  client.send(begun(1, post()), asked(3, get([], '/keep')));
  const { answer } = await of(1);
  const closed = other.close();
  expect((await client.frame(goAway)).payload.readUInt32BE(0)).toBe(3);
  client.send(asked(5, get([], '/hello')), frame(data, endStream, 1));
  answer.end('the last word');
  seen[0]?.answer.end('and another');
  expect([String(await client.body(3)), String(await client.body(1))]).toEqual([
    'the last word',
    'and another',
  ]);
  await client.until(() => client.closed);
  await closed;
  expect(seen).toHaveLength(2);
  await expect(raw(other)).rejects.toThrow('ECONNREFUSED');
});

/** Whether a program of another maker is here. */
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe("other makers' programs", () => {
  const run = async (command: string, ...args: string[]): Promise<string> => {
    const { execFile } = await import('node:child_process');
    return new Promise((resolve, reject) =>
      execFile(command, args, (error, out) => (error ? reject(error) : resolve(out))),
    );
  };

  test.skipIf(!has('curl'))('curl over HTTP/2 and HTTP/1.1', async () => {
    const url = `https://127.0.0.1:${listener.port}`;
    const format = ' %{http_version} %{http_code} %{size_download}';
    const curl = (...args: string[]): Promise<string> => run('curl', '-sk', '-w', format, ...args);
    expect(await curl('--http2', `${url}/hello`)).toBe('hello 2 200 5');
    expect(await curl('--http2', '-o', '/dev/null', `${url}/large`)).toBe(` 2 200 ${large.length}`);
    expect(await curl('--http2', '-d', 'a=b', `${url}/echo`)).toBe('a=b 2 200 3');
    // An answer before the body is whole reaches it, too.
    const body = `--data-binary=@${process.execPath}`.split('=');
    expect(await curl('--http2', '-X', 'POST', ...body, `${url}/no`)).toBe('no 2 413 2');
    expect(await curl('--http2', '-I', '-o', '/dev/null', `${url}/hello`)).toBe(' 2 200 0');
    expect(await curl('--http1.1', `${url}/hello`)).toBe('HTTP/1.1 1.1 200 8');
  });

  test.skipIf(!has('h2load'))('h2load (not run where nghttp2-client is missing)', async () => {
    const url = `https://127.0.0.1:${listener.port}`;
    const said = await run('h2load', '-n', '3000', '-c', '5', '-m', '50', `${url}/hello`);
    expect(said).toContain('3000 succeeded, 0 failed, 0 errored');
    const more = await run('h2load', '-n', '40', '-c', '2', '-m', '10', `${url}/large`);
    expect(more).toContain('40 succeeded, 0 failed, 0 errored');
  });
});
