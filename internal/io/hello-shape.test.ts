import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { whenHello } from './client-hello.ts';
import { shapeOf } from './hello-shape.ts';

let server: Server;
let heard: (hello: Buffer) => void = () => undefined;

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    whenHello(socket, (hello) => {
      heard(Buffer.from(hello));
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

/** What a TLS client with these options sends first. */
function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    heard = resolve;
    connectTls({
      socket: connect((server.address() as AddressInfo).port, '127.0.0.1'),
      ...options,
    }).on('error', () => undefined);
  });
}

const shape = async (options: ConnectionOptions): Promise<string> =>
  shapeOf(await helloOf(options));

test('a program looks the same each time, whomever it calls by whatever random', async () => {
  const [one, other] = [
    await helloOf({ servername: 'a.example' }),
    await helloOf({ servername: 'another.example' }),
  ];
  expect(one.equals(other)).toBe(false);
  expect(shapeOf(one)).toMatch(/^\S{12}$/);
  expect(shapeOf(one)).toBe(shapeOf(other));
});

test('other protocols, versions, ciphers or groups are another program', async () => {
  const shapes = [
    await shape({}),
    await shape({ ALPNProtocols: ['h2'] }),
    await shape({ ALPNProtocols: ['http/1.1'] }),
    await shape({ maxVersion: 'TLSv1.2' }),
    await shape({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
    await shape({ ecdhCurve: 'P-256' }),
  ];
  expect(new Set(shapes).size).toBe(shapes.length);
});

/** A hello with these cipher suites and extensions, and nothing else that counts. */
function hello(ciphers: number[], extensions: [type: number, content: number[]][]): Buffer {
  const u16 = (value: number): number[] => [value >> 8, value & 255];
  const all = extensions.flatMap(([type, content]) => [
    ...u16(type),
    ...u16(content.length),
    ...content,
  ]);
  const body = [
    3,
    3,
    ...Array<number>(32).fill(9),
    0,
    ...u16(ciphers.length * 2),
    ...ciphers.flatMap(u16),
    1,
    0,
    ...u16(all.length),
    ...all,
  ];
  return Buffer.from([22, 3, 1, ...u16(body.length + 4), 1, 0, ...u16(body.length), ...body]);
}

test('neither the order of extensions nor values that mean nothing count', () => {
  const plain = shapeOf(
    hello(
      [0x1301, 0x1302],
      [
        [16, [1, 2]],
        [13, [3]],
        [51, [7, 7]],
      ],
    ),
  );
  expect(
    shapeOf(
      hello(
        [0x3a3a, 0x1301, 0x1302],
        [
          [13, [3]],
          [0xfafa, []],
          [51, [8, 8, 8]],
          [16, [1, 2]],
        ],
      ),
    ),
  ).toBe(plain);
  expect(
    shapeOf(
      hello(
        [0x1302, 0x1301],
        [
          [16, [1, 2]],
          [13, [3]],
          [51, [7, 7]],
        ],
      ),
    ),
  ).not.toBe(plain);
  expect(
    shapeOf(
      hello(
        [0x1301, 0x1302],
        [
          [16, [1, 3]],
          [13, [3]],
          [51, [7, 7]],
        ],
      ),
    ),
  ).not.toBe(plain);
});

test('what is no whole hello has no shape, wherever it ends', async () => {
  const whole = await helloOf({ ALPNProtocols: ['h2'] });
  for (let length = 0; length < whole.length; length++)
    expect(shapeOf(whole.subarray(0, length))).toBe('');
  expect(shapeOf(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))).toBe('');
  // Lengths that point anywhere end the reading, and never read for long.
  for (let at = 0; at < whole.length; at++) {
    const bent = Buffer.from(whole);
    bent[at] = 0xff;
    expect(typeof shapeOf(bent)).toBe('string');
  }
});
