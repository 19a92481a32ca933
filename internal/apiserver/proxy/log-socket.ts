import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Exchange } from '../http/exchange.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { forwardedHeaders, unreachable } from './forward.ts';
import { pathNotFound } from '../http/method-table.ts';
import { streamTarget } from './pod-streams.ts';
import { ServerSocket } from './server-socket.ts';

/** pods/x/log over WebSocket: each piece is one message, base64 for clients that ask for text. */
export async function serveLogSocket(server: Server, exchange: Exchange, resource: ServedResource, socket: Duplex): Promise<void> {
  const to = await streamTarget(server, exchange, resource);
  if (!to) throw pathNotFound();
  const request = exchange.request as IncomingMessage;
  const plain = Object.fromEntries(Object.entries(forwardedHeaders(request.headers)).filter(([key]) => !key.startsWith('sec-websocket')));
  const done = await server.options.dial.request('proxy.log', to.target, { method: 'GET', path: to.path, headers: plain }).catch((error: unknown) => {
    throw unreachable(error);
  });
  const ws = new ServerSocket(request, socket, ['binary.k8s.io', 'base64.binary.k8s.io', '']);
  const text = ws.protocol === 'base64.binary.k8s.io';
  ws.onClose = () => done.message.destroy();
  done.message.on('data', (chunk: Buffer) => ws.send(text ? (globalThis.Buffer.from(chunk.toString('base64')) as Buffer) : chunk, text));
  done.message.on('end', () => ws.close());
  done.message.on('error', () => ws.close());
}
