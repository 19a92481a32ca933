import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { ApiError } from '../../api/status.ts';
import type { ServerAnswer, ServerRequest } from '../../io/https-server.ts';
import { auditIdOf } from '../audit/event.ts';
import { anonymous } from '../authn/authenticator.ts';
import { asksForOther, impersonated } from '../authn/impersonation.ts';
import { seated, sendTooMany } from '../flowcontrol/seated.ts';
import type { PlainRequest } from '../options.ts';
import type { Server } from '../server.ts';
import { asApiError, header, readBody, send, sendError, type Exchange } from './exchange.ts';
import { logRequest } from './request-log.ts';
import { checkTimeout } from './timeout.ts';
import { first, isDecodable, readRequestInfo } from './request-info.ts';
import { methodNotAllowed } from './method-table.ts';
import { authorize, serveResource } from './resource-handler.ts';

export type PathHandler = (server: Server, exchange: Exchange) => Promise<void> | void;

/**
 * Documents and probes: everything that is not a resource. A path ending in `/` also takes what is
 * below it.
 */
export interface Paths {
  exact: Map<string, PathHandler>;
  below: [prefix: string, handler: PathHandler][];
  /** Group versions that another server answers for. */
  delegate?: (server: Server, exchange: Exchange) => PathHandler | undefined;
}

/**
 * The hono app: one route that dispatches early, on the raw request, because a Request object per
 * call costs more than the call.
 */
export function makeListener(
  server: Server,
  paths: Paths,
): (request: ServerRequest, answer: ServerAnswer) => void {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all('*', async (c) => {
    await serveRequest(
      server,
      paths,
      c.env.incoming as ServerRequest,
      c.env.outgoing as ServerAnswer,
    );
    return RESPONSE_ALREADY_SENT;
  });
  const listener = getRequestListener(
    app.fetch as never,
    { overrideGlobalObjects: false, autoCleanupIncoming: false } as never,
  );
  return (request, answer) => void listener(request as never, answer as never);
}

export async function serveRequest(
  server: Server,
  paths: Paths,
  request: ServerRequest,
  answer: ServerAnswer,
): Promise<void> {
  // Whoever asks shows certificates and tokens, which a clock judges that may have been set.
  server.core.clock.look();
  const exchange = openExchange(server, request, answer);
  const began = server.core.clock.monotonicMs();
  if (server.options.logRequests)
    answer.once('close', () =>
      logRequest(server, exchange, answer.statusCode, server.core.clock.monotonicMs() - began),
    );
  try {
    const { path } = exchange.info;
    const beside = await server.options.besides?.(plainRequest(server, request, path));
    if (beside)
      return send(exchange, beside.status, beside.contentType, beside.body, {
        'x-content-type-options': 'nosniff',
      });
    if (!isDecodable(path))
      return send(exchange, 400, 'text/plain; charset=utf-8', '400 Bad Request');
    checkTimeout(exchange.info);
    await identify(server, exchange, answer);
    const served = await seated(server, exchange, answer, () => dispatch(server, paths, exchange));
    if (!served) sendTooMany(exchange);
  } catch (error) {
    if (!(error instanceof ApiError) && asApiError(error).reason === 'InternalError')
      server.core.log.error('request failed', {
        path: exchange.info.path,
        method: exchange.info.method,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    if (!(error instanceof ApiError) && asApiError(error).reason === 'InternalError')
      exchange.audit?.panicked(asApiError(error));
    sendError(exchange, error);
    drain(request, answer);
  }
  server.metrics.count(
    exchange,
    answer.statusCode,
    (server.core.clock.monotonicMs() - began) / 1000,
  );
}

/** A call as those see it who answer before anybody is authenticated. */
export function plainRequest(server: Server, request: ServerRequest, path: string): PlainRequest {
  return {
    method: request.method ?? 'GET',
    path,
    authorization: request.headers.authorization,
    header: (name) => header(request, name),
    body: () => readBody(request),
    user: () => server.authenticator.authenticate(request, socketOf(request)),
  };
}

export function openExchange(
  server: Server,
  request: ServerRequest,
  answer: ServerAnswer,
): Exchange {
  return {
    request,
    answer,
    info: readRequestInfo(request.method ?? 'GET', request.url ?? '/'),
    user: anonymous,
    real: anonymous,
    warnings: [],
    auditId: auditIdOf(request) ?? server.core.random.uuid(),
  };
}

/** Authentication, then impersonation. */
export async function identify(
  server: Server,
  exchange: Exchange,
  answer?: ServerAnswer,
): Promise<void> {
  const { request } = exchange;
  try {
    exchange.real = await server.authenticator.authenticate(request, socketOf(request));
  } catch (error) {
    server.audit?.refused(exchange);
    throw error;
  }
  exchange.user = exchange.real;
  const recording = server.audit?.begin(exchange);
  if (answer) recording?.follow(answer as ServerResponse);
  if (exchange.real !== anonymous && !server.know(exchange)) throw tooManyConnections();
  if (!asksForOther(request.headers)) return;
  exchange.user =
    (await impersonated(request.headers, exchange.user, server.authorize)) ?? exchange.user;
}

/**
 * One object for all requests of a connection: HTTP/2 requests have a socket of their own each, but
 * one of their session.
 */
function socketOf(request: ServerRequest): object {
  const { stream } = request as { stream?: { session?: { socket?: object } } };
  return stream?.session?.socket ?? request.socket;
}

/** A refused body must still be read, or the connection stalls; over HTTP/2 it is refused alone. */
function drain(request: ServerRequest, answer: ServerAnswer): void {
  if ((request as { readableEnded?: boolean }).readableEnded) return;
  (request as { resume(): void }).resume();
  if ('stream' in request)
    (answer as NodeJS.EventEmitter).once('finish', () => request.stream?.close());
}

const tooManyConnections = (): ApiError =>
  new ApiError('TooManyRequests', 'too many connections of this user, please try again later', {
    details: { retryAfterSeconds: 1 },
  });

export async function dispatch(server: Server, paths: Paths, exchange: Exchange): Promise<void> {
  const { info } = exchange;
  // Before anything else is said: who may not ask does not learn either what there is.
  const deciding = authorize(server, exchange);
  if (deciding) await deciding;
  const delegate = info.path.startsWith('/apis/') ? paths.delegate?.(server, exchange) : undefined;
  if (delegate) return delegate(server, exchange);
  if (info.isResource && (info.group === '' || server.core.resources.servesGroup(info.group)))
    return serveResource(server, exchange);
  const trimmed =
    info.path.length > 1 && info.path.endsWith('/') ? info.path.slice(0, -1) : info.path;
  const handler =
    paths.exact.get(trimmed) ?? paths.below.find(([prefix]) => info.path.startsWith(prefix))?.[1];
  if (!handler) return sendNoPath(exchange);
  if (info.method !== 'GET' && info.method !== 'HEAD') throw methodNotAllowed();
  return handler(server, exchange);
}

/** Outside /api and /apis kube-apiserver answers a plain list of paths, or its plain 404. */
export function sendNoPath(exchange: Exchange): void {
  send(exchange, 404, 'text/plain; charset=utf-8', Buffer.from('404 page not found\n'), {
    'x-content-type-options': 'nosniff',
  });
}

export function wantsPretty(exchange: Exchange): boolean {
  const asked = first(exchange.info.query, 'pretty');
  return asked !== undefined && asked !== 'false' && asked !== '0';
}
