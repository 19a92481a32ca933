import { Buffer } from 'node:buffer';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, forbidden } from '../../api/status.ts';
import type { Recorded } from '../audit/recorded.ts';
import { denialText } from '../authz/authorizer.ts';
import { asApiError, type Exchange } from '../http/exchange.ts';
import { identify, openExchange, plainRequest } from '../http/serve.ts';
import { logRequest } from '../http/request-log.ts';
import { checkRoute } from '../http/method-table.ts';
import { authorize } from '../http/authorize.ts';
import { pathNotFound } from '../registry/no-route.ts';
import { seated } from '../flowcontrol/seated.ts';
import type { Server } from '../server.ts';
import { connectAdmission } from './connect-admission.ts';
import { joinExec } from './exec-status.ts';
import { hostOf, isRedirect, join, redirected, unreachable, type Forwarding } from './forward.ts';
import type { Outward } from './outward.ts';
import { back, onward, type Headers } from './headers.ts';
import { kubeletError } from './read-answer.ts';
import { shellTarget } from './node-shell.ts';
import { streamTarget } from './pod-streams.ts';
import { proxyTarget } from './proxies.ts';
import { serveLogSocket } from './log-socket.ts';
import { serveWatchSocket } from './watch-socket.ts';

const streams = new Set(['exec', 'attach', 'portforward']);

/**
 * A request that wants to switch protocols: exec and its kin, proxied WebSockets, logs and watches
 * over WebSocket.
 */
export async function serveUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  const exchange = openExchange(server, request, undefined as never);
  const began = server.core.clock.monotonicMs();
  let status = switched;
  if (server.options.logRequests)
    socket.once('close', () =>
      logRequest(server, exchange, status, server.core.clock.monotonicMs() - began),
    );
  try {
    if (
      await server.options.besidesUpgrade?.(
        plainRequest(server, request, exchange.info.path),
        socket,
        head,
      )
    )
      return;
    await identify(server, exchange);
    const served = await seated(server, exchange, socket, () =>
      dispatchUpgrade(server, exchange, socket, head),
    );
    if (exchange.audit) followSocket(exchange.audit, socket);
    if (!served)
      throw new ApiError('TooManyRequests', 'Too many requests, please try again later.', {
        details: { retryAfterSeconds: 1 },
      });
  } catch (error) {
    if (!(error instanceof Error && 'httpStatus' in error))
      server.core.log.error('upgrade failed', { path: exchange.info.path, error: String(error) });
    const api = asApiError(error);
    status = api.httpStatus;
    exchange.audit?.complete(status);
    refuse(socket, api);
  }
}

const switched = 101;

/** The connection was switched and lives as long as its stream. */
function followSocket(recording: Recorded, socket: Duplex): void {
  recording.started(switched);
  if (socket.destroyed) recording.complete(switched);
  else socket.once('close', () => recording.complete(switched));
}

async function dispatchUpgrade(
  server: Server,
  exchange: Exchange,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { info } = exchange;
  await authorize(server, exchange);
  const delegate = server.aggregator.delegateUpgrade(exchange, socket, head);
  if (delegate) return delegate;
  const resource = server.core.resources.find(info.group, info.version, info.resource);
  if (!resource) throw pathNotFound();
  if (info.verb === 'shell')
    return connect(server, exchange, await shellTarget(server, exchange, resource), socket, head);
  checkRoute(resource, info);
  if (info.verb === 'watch') return serveWatchSocket(server, exchange, resource, socket);
  const core = resource.group === '';
  if (core && resource.resource === 'pods' && info.subresource === 'log')
    return serveLogSocket(server, exchange, resource, socket);
  if (core && resource.resource === 'pods' && streams.has(info.subresource)) {
    await mayCreate(server, exchange);
    const to = await streamTarget(server, exchange, resource);
    if (!to) throw pathNotFound();
    return connect(server, exchange, to, socket, head);
  }
  if (core && info.subresource === 'proxy') {
    await connectAdmission(server, exchange, resource);
    // A kubelet takes exec by GET too, and it would see this server's own rights.
    if (resource.resource === 'nodes') await mayCreate(server, exchange);
    return connect(server, exchange, await proxyTarget(server, exchange, resource), socket, head);
  }
  throw pathNotFound();
}

/** A WebSocket comes by GET; running something still needs the right to create. */
async function mayCreate(server: Server, exchange: Exchange): Promise<void> {
  const { info, user } = exchange;
  const asked = {
    user,
    verb: 'create',
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
  };
  const decision = await server.authorize(asked);
  if (!decision.allowed)
    throw forbidden(
      { group: info.group, resource: info.resource },
      info.name,
      denialText(asked, decision.reason),
    );
}

/** The same upgrade is asked of the target; from its answer on, bytes just flow. */
export async function connect(
  server: Outward,
  exchange: Exchange,
  to: Forwarding,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const headers = {
    ...onward(exchange.request.headers, { upgrade: true }),
    host: hostOf(to.target),
    ...to.headers,
  };
  const abort = new AbortController();
  const left = (): void => abort.abort();
  socket.once('close', left);
  const done = await server.options.dial
    .request('proxy.upgrade', to.target, {
      method: exchange.request.method ?? 'GET',
      path: to.path,
      headers,
      signal: abort.signal,
    })
    .catch((error: unknown) => {
      throw unreachable(error);
    });
  const { message } = done;
  if (done.kind === 'answer') return answerPlainly(exchange, to, message, socket);
  // The signal would reset a connection whose last bytes are still on their way.
  socket.off('close', left);
  socket.write(
    answerHead(101, {
      ...back(message.headers),
      upgrade: String(message.headers['upgrade'] ?? ''),
      connection: 'Upgrade',
    }),
    'latin1',
  );
  for (const one of [socket, done.socket])
    (one as { setTimeout?(ms: number): void }).setTimeout?.(0);
  if (endsWithStatus(exchange, message))
    return joinExec(socket, done.socket, { node: done.head, client: head });
  if (done.head.length) socket.write(done.head);
  if (head.length) done.socket.write(head);
  join(socket, done.socket);
}

/**
 * Of exec and attach over SPDY, from the fourth protocol on, every end has a status. WebSockets say
 * themselves when they end too early.
 */
function endsWithStatus({ info }: Exchange, message: IncomingMessage): boolean {
  const execs =
    info.group === '' &&
    info.resource === 'pods' &&
    (info.subresource === 'exec' || info.subresource === 'attach');
  return (
    execs &&
    /^v[45]\./.test(String(message.headers['x-stream-protocol-version'])) &&
    /^spdy\//i.test(String(message.headers['upgrade']))
  );
}

/** The target did not switch: what it says instead ends the connection. */
async function answerPlainly(
  exchange: Exchange,
  to: Forwarding,
  message: IncomingMessage,
  socket: Duplex,
): Promise<void> {
  const { info } = exchange;
  const { statusCode = 0 } = message;
  if ((!to.prefix && isRedirect(message)) || statusCode < 200 || statusCode > 599) {
    message.destroy();
    throw redirected();
  }
  const streamed = info.resource === 'pods' && streams.has(info.subresource);
  if (info.verb === 'shell' || (info.group === '' && streamed))
    throw await kubeletError(message, info.subresource, info.name);
  // The body is passed on without chunking: the end of the connection ends it.
  socket.write(answerHead(statusCode, { ...back(message.headers), connection: 'close' }), 'latin1');
  message.on('error', () => socket.destroy());
  message.pipe(socket);
}

function answerHead(status: number, headers: Headers): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`];
  for (const [name, value] of Object.entries(headers))
    for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function refuse(socket: Duplex, error: ApiError): void {
  const body = Buffer.from(JSON.stringify(error.toStatus()));
  const head = [
    `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}
