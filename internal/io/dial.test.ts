import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { dialPool, realDial, type DialPool } from './dial.ts';

// Kept connections against a real server.

let server: Server;
let sockets: Set<Socket>;
let opened = 0;
let pool: DialPool | undefined;

async function listen(options: { answers?: number } = {}): Promise<number> {
  [sockets, opened] = [new Set(), 0];
  server = createServer((req, res) => {
    const { socket } = req;
    const count = ((socket as { count?: number }).count =
      ((socket as { count?: number }).count ?? 0) + 1);
    // The connection ends while it is used again.
    if (options.answers !== undefined && count > options.answers) return void socket.destroy();
    req.resume();
    req.on('end', () => res.end('ok'));
  });
  server.on('connection', (socket) => {
    opened++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  pool?.close();
  pool = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function ask(port: number, kept?: DialPool): Promise<string> {
  const done = await realDial.request(
    'test',
    { host: '127.0.0.1', port, ...(kept && { pool: kept }) },
    { method: 'POST', path: '/', headers: { 'content-length': '2' }, body: Buffer.from('hi') },
  );
  let text = '';
  for await (const part of done.message) text += String(part);
  return text;
}

test('a request without a pool has a connection of its own', async () => {
  const port = await listen();
  for (const _ of [1, 2]) expect(await ask(port)).toBe('ok');
  expect(opened).toBe(2);
});

test('requests with a pool share one, until the pool is closed', async () => {
  const port = await listen();
  pool = dialPool({ tls: false });
  for (const _ of [1, 2, 3]) expect(await ask(port, pool)).toBe('ok');
  expect(opened).toBe(1);
  pool.close();
  await expect.poll(() => sockets.size).toBe(0);
  expect(await ask(port, pool)).toBe('ok');
  await expect.poll(() => sockets.size).toBe(0);
});

test('a kept connection that the other side ended is not missed', async () => {
  const port = await listen({ answers: 1 });
  pool = dialPool({ tls: false });
  for (const _ of [1, 2, 3]) expect(await ask(port, pool)).toBe('ok');
  expect(opened).toBe(3);
});

test('one that ends each time is an error', async () => {
  const port = await listen({ answers: 0 });
  pool = dialPool({ tls: false });
  await expect(ask(port, pool)).rejects.toThrow('socket hang up');
  expect(opened).toBe(1);
});
