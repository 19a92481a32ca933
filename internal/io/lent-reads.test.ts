import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lendReads } from './lent-reads.ts';

let server: Server;
let client: Socket;
let accepted: Promise<Socket>;

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true });
  accepted = new Promise((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
});
afterEach(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('gives every byte in order, in memory that it uses again', async () => {
  const pieces: Buffer[] = [];
  const memory = new Set<ArrayBufferLike>();
  lendReads(await accepted, (bytes) => {
    pieces.push(Buffer.from(bytes));
    memory.add(bytes.buffer);
  });
  const sent = Buffer.from(Array.from({ length: 500_000 }, (_, i) => i % 251));
  client.write(sent);
  await until(() => pieces.reduce((sum, piece) => sum + piece.length, 0) === sent.length);
  expect(Buffer.concat(pieces).equals(sent)).toBe(true);
  expect([pieces.length > 1, memory.size]).toEqual([true, 1]);
});

test('writes, pauses and goes on as any socket', async () => {
  let got = 0;
  const socket = lendReads(await accepted, (bytes) => (got += bytes.length));
  const heard = new Promise<string>((resolve) =>
    client.once('data', (bytes: Buffer) => resolve(bytes.toString())),
  );
  socket.write('hello');
  expect(await heard).toBe('hello');
  socket.pause();
  client.write(Buffer.alloc(20 * 1024 * 1024));
  await until(() => client.writableLength > 0);
  const before = got;
  await new Promise((resolve) => setImmediate(resolve));
  expect(got).toBe(before);
  socket.resume();
  await until(() => got === 20 * 1024 * 1024);
});

test('is closed when the client ends, and the server forgets it', async () => {
  const socket = lendReads(await accepted, () => undefined);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  client.end();
  await closed;
  await until(() => client.destroyed);
  const count = await new Promise<number>((resolve, reject) =>
    server.getConnections((error, n) => (error ? reject(error) : resolve(n))),
  );
  expect(count).toBe(0);
});
