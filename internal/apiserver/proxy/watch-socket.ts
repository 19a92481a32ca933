import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Exchange } from '../http/exchange.ts';
import { callFor, watchQuery } from '../http/call-for.ts';
import { limits } from '../limits.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { bookmarkObject } from '../watch/encoder.ts';
import { Watcher } from '../watch/watcher.ts';
import { ServerSocket } from './server-socket.ts';

/** A watch over WebSocket: one text message for each event. */
export async function serveWatchSocket(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
  socket: Duplex,
): Promise<void> {
  const call = callFor(exchange, resource);
  const query = watchQuery(exchange.info);
  let ws: ServerSocket | undefined;
  const early: object[] = [];
  const put = (type: string, object: unknown): void => {
    if (!ws) return void early.push({ type, object });
    ws.send(Buffer.from(JSON.stringify({ type, object })), true);
    // A watcher that cannot keep up is ended; it starts again from where it was.
    if (socket.writableLength > limits.watchBufferBytes) socket.destroy();
  };
  const watcher = await Watcher.start(server.core, call, query, {
    events: (events) => {
      for (const event of events) put(event.type, event.object);
    },
    ready: () => taken(socket),
    bookmark: (revision, initial) => put('BOOKMARK', bookmarkObject(resource, revision, initial)),
    ended: (error) => {
      if (error) put('ERROR', error.toStatus());
      ws?.close();
    },
  });
  ws = new ServerSocket(exchange.request as IncomingMessage, socket, ['']);
  const timer = server.core.clock.after(
    'watch.socket',
    (query.timeoutSeconds ?? limits.minWatchMs / 1000) * 1000,
    () => ws?.close(),
  );
  ws.onClose = () => {
    timer.cancel();
    watcher.stop();
  };
  for (const message of early) ws.send(Buffer.from(JSON.stringify(message)), true);
}

/** Resolves when the client has taken most of what was written, or is gone. */
function taken(socket: Duplex): Promise<void> {
  if (socket.destroyed || socket.writableLength <= limits.watchAheadBytes) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', resolve);
  });
}
