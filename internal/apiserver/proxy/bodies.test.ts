import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ask, backend, dev, proxied, startBoth } from './testing/backend.ts';

startBoth();

describe('bodies', () => {
  const echo = (request: IncomingMessage, answer: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => answer.end(`${request.method}:${Buffer.concat(parts).toString()}`));
  };

  test.each(['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH'])(
    '%s takes its body along and nothing else, told its length or not',
    async (method) => {
      backend.handler = echo;
      const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
      expect(
        (
          await ask(`${proxied}/`, {
            method,
            body: smuggled,
            headers: { 'transfer-encoding': 'chunked' },
          })
        ).text,
      ).toBe(`${method}:${smuggled}`);
      expect(
        (
          await ask(`${proxied}/`, {
            method,
            body: smuggled,
            headers: { 'content-length': String(smuggled.length) },
          })
        ).text,
      ).toBe(`${method}:${smuggled}`);
      expect(backend.seen.map((one) => one.url)).toEqual(['/', '/']);
    },
  );

  test('over HTTP/2 as well', async () => {
    backend.handler = echo;
    const session = connectHttp2(dev.url, { ca: dev.ca.cert });
    const text = await new Promise<string>((resolve, reject) => {
      const stream = session.request(
        { ':method': 'DELETE', ':path': `${proxied}/`, authorization: 'Bearer oracle' },
        { endStream: false },
      );
      let all = '';
      stream.on('data', (part: Buffer) => (all += part.toString()));
      stream.on('end', () => resolve(all));
      stream.on('error', reject);
      stream.end('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n');
    });
    session.close();
    expect([text, backend.seen.length]).toEqual([
      'DELETE:GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n',
      1,
    ]);
  });

  test('a page has its links rewritten, plain or packed', async () => {
    const page =
      '<a href="/x">1</a><a href="http://10.42.0.9/y">2</a><a href="https://other/z">3</a>';
    const wanted =
      `<a href="${proxied}/x">1</a><a href="${proxied}/y">2</a>` +
      '<a href="https://other/z">3</a>';
    backend.handler = (request, answer) => {
      const packed = request.url === '/gzip';
      answer.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        ...(packed ? { 'content-encoding': 'gzip' } : {}),
      });
      answer.end(packed ? gzipSync(page) : page);
    };
    expect((await ask(`${proxied}/`)).text).toBe(wanted);
    expect(gunzipSync((await ask(`${proxied}/gzip`)).bytes).toString()).toBe(wanted);
  });

  test('a client that does not read holds the page back at its source', async () => {
    const block = Buffer.alloc(1 << 20, 'x');
    let sent = 0;
    backend.handler = (_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/html' });
      const more = (): void => {
        while (sent < 1200) {
          sent++;
          if (!answer.write(block)) return void answer.once('drain', more);
        }
        answer.end();
      };
      more();
    };
    const slow = httpsRequest(`${dev.url}${proxied}/`, {
      ca: dev.ca.cert,
      agent: false,
      headers: { authorization: 'Bearer oracle' },
    });
    const answered = new Promise<IncomingMessage>((resolve) => slow.on('response', resolve));
    slow.end();
    const message = await answered;
    message.pause();
    let last = -1;
    await expect
      .poll(() => [last === sent, (last = sent)][0], { interval: 300, timeout: 10_000 })
      .toBe(true);
    expect(sent).toBeLessThan(64);
    const gone = new Promise((resolve) => backend.seen[0]?.socket.on('close', resolve));
    slow.destroy();
    await gone;
  });

  test.each(['text/html', 'text/plain'])(
    '%s that breaks off is a broken answer and no short one',
    async (type) => {
      backend.handler = (request, answer) => {
        answer.writeHead(200, { 'content-type': type });
        answer.write('half');
        setTimeout(() => request.socket.destroy(), 50);
      };
      const reply = await ask(`${proxied}/`);
      expect([reply.status, reply.broken]).toEqual([200, true]);
      const session = connectHttp2(dev.url, { ca: dev.ca.cert });
      const code = await new Promise((resolve) => {
        const stream = session.request({ ':path': `${proxied}/`, authorization: 'Bearer oracle' });
        stream.resume();
        stream.on('error', () => undefined);
        stream.on('close', () => resolve(stream.rstCode));
      });
      session.close();
      expect(code).toBe(2);
    },
  );
});

describe('upgrades', () => {
  const handshake = (
    path: string,
    token: string,
  ): Promise<{ status: number; headers: IncomingMessage['headers'] }> =>
    new Promise((resolve, reject) => {
      const req = httpsRequest(`${dev.url}${path}`, {
        ca: dev.ca.cert,
        agent: false,
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'eA==',
          'sec-websocket-version': '13',
          'sec-websocket-protocol':
            `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')},` +
            ' binary.k8s.io',
          'x-remote-user': 'admin',
        },
      });
      const done = (res: IncomingMessage): void =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers });
      req.on('response', done);
      req.on('upgrade', (res, socket) => {
        done(res);
        socket.destroy();
      });
      req.on('error', reject);
      req.end();
    });

  test('a token that came as a subprotocol goes no further', async () => {
    let headers: IncomingMessage['headers'] = {};
    backend.upgraded = (request, socket) => {
      headers = request.headers;
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Protocol: binary.k8s.io\r\nSec-WebSocket-Accept: x\r\nKeep-Alive: ' +
          '3\r\n\r\n',
      );
    };
    const reply = await handshake(`${proxied}/ws`, 'oracle');
    expect([
      reply.status,
      reply.headers['sec-websocket-protocol'],
      reply.headers['keep-alive'],
    ]).toEqual([101, 'binary.k8s.io', undefined]);
    expect([
      headers['sec-websocket-protocol'],
      headers['authorization'],
      headers['x-remote-user'],
      headers['upgrade'],
    ]).toEqual(['binary.k8s.io', undefined, undefined, 'websocket']);
  });
});
