import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

/** A message of a client; kubectl sends 32 KB at most, a hand-made client may send more. */
const mostMessageBytes = 16 * 1024 * 1024;

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: mostMessageBytes,
  handleProtocols: () => false,
});

/** Completes a WebSocket handshake with the subprotocol that the caller chose ('' for none). */
export function acceptWebSocket(options: {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  protocol: string;
}): Promise<WebSocket> {
  return new Promise((resolve) => {
    const { request, socket, head, protocol } = options;
    if ('setNoDelay' in socket)
      (socket as Duplex & { setNoDelay(on: boolean): void }).setNoDelay(true);
    server.options.handleProtocols = () => (protocol === '' ? false : protocol);
    server.handleUpgrade(request, socket, head, (ws) => {
      ws.on('error', () => ws.terminate());
      resolve(ws);
    });
  });
}

/** More than this waiting to be sent, and its source is paused. */
const highWaterBytes = 1024 * 1024;

/** Where data comes from, and where it goes. */
export type Pausable = Pick<Readable, 'isPaused'> & { pause(): unknown; resume(): unknown };
export type Sink = Pick<Writable, 'writableLength' | 'once'>;

/** Sends a message and holds `source` back while the client is slow. */
export function sendPaced(ws: WebSocket, data: Uint8Array | string, source: Pausable): void {
  if (ws.readyState !== ws.OPEN) return;
  ws.send(data, () => {
    if (source.isPaused() && ws.bufferedAmount <= highWaterBytes) source.resume();
  });
  if (ws.bufferedAmount > highWaterBytes) source.pause();
}

/** Holds the client back while `sink` is slow. */
export function pacedBy(ws: WebSocket, sink: Sink): void {
  if (sink.writableLength <= highWaterBytes || ws.isPaused) return;
  ws.pause();
  sink.once('drain', () => ws.resume());
}
