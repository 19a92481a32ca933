import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Exchange } from '../http/exchange.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { pathNotFound } from '../registry/no-route.ts';
import { openLog, streamTarget } from './pod-streams.ts';
import { ServerSocket } from './server-socket.ts';

/** pods/x/log over WebSocket: each piece is one message, base64 for clients that ask for text. */
export async function serveLogSocket(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
  socket: Duplex,
): Promise<void> {
  const to = await streamTarget(server, exchange, resource);
  if (!to) throw pathNotFound();
  const request = exchange.request as IncomingMessage;
  const left = new AbortController();
  socket.once('close', () => left.abort());
  const message = await openLog(server, exchange, to, left.signal);
  const ws = new ServerSocket(request, socket, ['binary.k8s.io', 'base64.binary.k8s.io', '']);
  const text = ws.protocol === 'base64.binary.k8s.io';
  ws.onClose = () => message.destroy();
  message.on('data', (chunk: Buffer) => {
    if (ws.send(text ? (globalThis.Buffer.from(chunk.toString('base64')) as Buffer) : chunk, text))
      return;
    message.pause();
    socket.once('drain', () => message.resume());
  });
  message.on('end', () => ws.close());
  // No closing frame: the client must not take what it has for the whole.
  message.on('error', () => socket.destroy());
}
