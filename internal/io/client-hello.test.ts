import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { whenHello } from './client-hello.ts';

let server: Server;
/** What is in the socket when its hello has come, by the port of its client. */
const ready = new Map<number, Buffer>();

beforeAll(async () => {
  server = createServer((socket) => {
    const port = socket.remotePort ?? 0;
    socket.on('error', () => undefined);
    whenHello(socket, () => ready.set(port, socket.read() as Buffer));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

async function client(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await new Promise((resolve) => void socket.once('connect', resolve));
  return socket;
}

const record = (length: number, more = 0): Buffer =>
  Buffer.concat([
    Buffer.from([22, 3, 1, length >> 8, length & 255]),
    Buffer.alloc(length + more, 7),
  ]);

test.each([
  ['a whole record', record(517)],
  ['a record and more behind it', record(517, 40)],
  ['a record of the greatest length', record(1 << 14)],
  ['a record that says it is longer than one may be', record(40_000).subarray(0, 10)],
  ['a request without TLS', Buffer.from('GET / HTTP/1.1\r\n')],
  ['one byte that begins no record', Buffer.from([0])],
])('%s is ready', async (_what, bytes) => {
  const socket = await client();
  socket.write(bytes);
  await expect.poll(() => ready.get(socket.localPort ?? 0)?.length).toBe(bytes.length);
  expect(ready.get(socket.localPort ?? 0)?.equals(bytes)).toBe(true);
  socket.destroy();
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a head', record(517).subarray(0, 3)],
  ['a record but its last byte', record(517).subarray(0, -1)],
])('%s is not, and is with the rest', async (_what, bytes) => {
  const [early, late] = [await client(), await client()];
  early.write(bytes);
  late.write(record(20));
  await expect.poll(() => ready.has(late.localPort ?? 0)).toBe(true);
  expect(ready.has(early.localPort ?? 0)).toBe(false);
  early.write(record(517).subarray(bytes.length));
  await expect.poll(() => ready.get(early.localPort ?? 0)?.equals(record(517))).toBe(true);
  early.destroy();
  late.destroy();
});
