import { Buffer } from 'node:buffer';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, forbidden } from '../../api/status.ts';
import type { Recording } from '../audit/auditor.ts';
import { denialText } from '../authz/authorizer.ts';
import { asApiError, type Exchange } from '../http/exchange.ts';
import { identify, openExchange } from '../http/serve.ts';
import { authorize, pathNotFound } from '../http/resource-handler.ts';
import { seated } from '../flowcontrol/seated.ts';
import type { Server } from '../server.ts';
import { forwardedHeaders, join, unreachable, type Forwarding } from './forward.ts';
import { streamTarget } from './pod-streams.ts';
import { proxyTarget } from './proxies.ts';
import { serveLogSocket } from './log-socket.ts';
import { serveWatchSocket } from './watch-socket.ts';

const streams = new Set(['exec', 'attach', 'portforward']);

/** A request that wants to switch protocols: exec and its kin, proxied WebSockets, logs and watches over WebSocket. */
export async function serveUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  socket.on('error', () => socket.destroy());
  const exchange = openExchange(server, request, undefined as never);
  try {
    await identify(server, exchange);
    const served = await seated(server, exchange, socket, () => dispatchUpgrade(server, exchange, socket, head));
    if (exchange.audit) followSocket(exchange.audit, socket);
    if (!served) throw new ApiError('TooManyRequests', 'Too many requests, please try again later.', { details: { retryAfterSeconds: 1 } });
  } catch (error) {
    if (!(error instanceof Error && 'httpStatus' in error)) server.core.log.error('upgrade failed', { path: exchange.info.path, error: String(error) });
    const api = asApiError(error);
    exchange.audit?.complete(api.httpStatus);
    refuse(socket, api);
  }
}

/** The connection was switched and lives as long as its stream. */
function followSocket(recording: Recording, socket: Duplex): void {
  const switched = 101;
  recording.started(switched);
  if (socket.destroyed) recording.complete(switched);
  else socket.once('close', () => recording.complete(switched));
}

async function dispatchUpgrade(server: Server, exchange: Exchange, socket: Duplex, head: Buffer): Promise<void> {
  const { info } = exchange;
  const delegate = server.delegateUpgrade?.(exchange, socket, head);
  if (delegate) return delegate;
  const resource = server.core.resources.find(info.group, info.version, info.resource);
  if (!resource) throw pathNotFound();
  authorize(server, exchange);
  if (info.verb === 'watch') return serveWatchSocket(server, exchange, resource, socket);
  const core = resource.group === '';
  if (core && resource.resource === 'pods' && info.subresource === 'log') return serveLogSocket(server, exchange, resource, socket);
  if (core && resource.resource === 'pods' && streams.has(info.subresource)) {
    mayCreate(server, exchange);
    const to = await streamTarget(server, exchange, resource);
    if (!to) throw pathNotFound();
    return connect(server, exchange, to, socket, head);
  }
  if (core && info.subresource === 'proxy') return connect(server, exchange, await proxyTarget(server, exchange, resource), socket, head);
  throw pathNotFound();
}

/** A WebSocket comes by GET; running something still needs the right to create. */
function mayCreate(server: Server, exchange: Exchange): void {
  const { info, user } = exchange;
  const asked = { user, verb: 'create', group: info.group, version: info.version, resource: info.resource, subresource: info.subresource, namespace: info.namespace, name: info.name };
  if (!server.authorize(asked).allowed) throw forbidden({ group: info.group, resource: info.resource }, info.name, denialText(asked));
}

/** The same upgrade is asked of the target; from its answer on, bytes just flow. */
export async function connect(server: Server, exchange: Exchange, to: Forwarding, socket: Duplex, head: Buffer): Promise<void> {
  const headers = { ...forwardedHeaders(exchange.request.headers, true), host: `${to.target.host}:${to.target.port}`, ...to.headers };
  const done = await server.options.dial.request('proxy.upgrade', to.target, { method: exchange.request.method ?? 'GET', path: to.path, headers }).catch((error: unknown) => {
    throw unreachable(error);
  });
  const { message } = done;
  socket.write(statusLine(message));
  if (done.kind === 'answer') {
    message.pipe(socket);
    message.on('end', () => socket.end());
    message.on('error', () => socket.destroy());
    return;
  }
  (socket as { setTimeout?(ms: number): void }).setTimeout?.(0);
  if (done.head.length) socket.write(done.head);
  if (head.length) done.socket.write(head);
  join(socket, done.socket);
}

function statusLine(message: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${message.statusCode} ${message.statusMessage || (STATUS_CODES[message.statusCode ?? 200] ?? '')}`];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? '';
    // The body is passed on without chunking: the end of the connection ends it.
    if (message.statusCode !== 101 && /^(transfer-encoding|connection)$/i.test(name)) continue;
    lines.push(`${name}: ${message.rawHeaders[i + 1]}`);
  }
  if (message.statusCode !== 101) lines.push('connection: close');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export function refuse(socket: Duplex, error: ApiError): void {
  const body = Buffer.from(JSON.stringify(error.toStatus()));
  const head = [`HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? 'Error'}`, 'content-type: application/json', `content-length: ${body.length}`, 'connection: close'];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}
