import type { IncomingMessage } from 'node:http';
import { messageOf } from '../../base/errors.ts';
import { dialRuntime, answerUpgrade, join, refuse } from './runtime-connection.ts';
import { serveChannels } from './channels.ts';
import { SpdyStatus } from './spdy-status.ts';
import { servePortChannels } from './port-channels.ts';
import type { StreamContext, StreamRequest } from './stream-request.ts';
import { serveTunnel, tunnelProtocol } from './tunnel.ts';

export const offered = (request: IncomingMessage): string[] =>
  String(request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((p) => p.trim())
    .filter(Boolean);

/**
 * Serves one upgraded connection until it ends. Errors are answered to the client; nothing is
 * thrown.
 */
export async function serveStream(context: StreamContext, stream: StreamRequest): Promise<void> {
  const { request, socket } = stream;
  socket.on('error', () => socket.destroy());
  try {
    const upgrade = String(request.headers.upgrade ?? '').toLowerCase();
    if (upgrade === 'spdy/3.1') await serveSpdy(context, stream);
    else if (upgrade !== 'websocket') refuse(socket, 400, 'Upgrade request required');
    else if (stream.kind !== 'portForward') await serveChannels(context, stream, offered(request));
    else if (offered(request).includes(tunnelProtocol)) await serveTunnel(context, stream);
    else await servePortChannels(context, stream, offered(request));
  } catch (error) {
    context.log.debug('stream ended with an error', { kind: stream.kind, error: messageOf(error) });
    if (!socket.destroyed) refuse(socket, 500, messageOf(error));
  }
}

/** A SPDY client and containerd speak the same language: the bytes pass through. */
async function serveSpdy(context: StreamContext, stream: StreamRequest): Promise<void> {
  const versions = stream.request.headers['x-stream-protocol-version'];
  const runtime = await dialRuntime(
    context.dial,
    stream.url,
    Array.isArray(versions) ? versions : (versions ?? ''),
  );
  answerUpgrade(stream.socket, runtime.protocol);
  const status = stream.kind === 'portForward' ? undefined : new SpdyStatus();
  if (runtime.head.length) stream.socket.write(runtime.head);
  if (stream.head.length) runtime.socket.write(stream.head);
  status?.runtime(runtime.head);
  status?.client(stream.head);
  if (status) stream.socket.on('data', (chunk: Buffer) => status.client(chunk));
  if (status) runtime.socket.on('data', (chunk: Buffer) => status.runtime(chunk));
  join(stream.socket, runtime.socket, () => status?.rest());
}
