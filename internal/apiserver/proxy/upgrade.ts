import type { Duplex } from 'node:stream';
import type { ServerRequest } from '../../io/https-server.ts';
import type { Server } from '../server.ts';

/** exec, attach, port-forward and proxied WebSockets. */
export async function serveUpgrade(_server: Server, _request: ServerRequest, socket: Duplex, _head: Buffer): Promise<void> {
  socket.end('HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\n\r\n');
}
