import type { ServerResponse } from 'node:http';
import { messageOf } from '../../base/errors.ts';
import { ApiError } from '../../api/status.ts';
import type { ServerAnswer, ServerRequest } from '../../io/https-server.ts';
import { auditIdOf } from '../audit/event.ts';
import { anonymous } from '../authn/authenticator.ts';
import { asksForOther, impersonated } from '../authn/impersonation.ts';
import { seated, sendTooMany } from '../flowcontrol/seated.ts';
import type { PlainRequest } from '../options.ts';
import type { Server } from '../server.ts';
import {
  asApiError,
  header,
  readBody,
  send,
  sendError,
  sendNoPath,
  type Exchange,
} from './exchange.ts';
import { logRequest } from './request-log.ts';
import { checkTimeout } from './timeout.ts';
import { isDecodable, readRequestInfo } from './request-info.ts';
import { methodNotAllowed } from '../registry/no-route.ts';
import { authorize } from './authorize.ts';
import { serveResource } from './resource-handler.ts';

/** Takes requests off their connections. */
export function makeListener(
  server: Server,
): (request: ServerRequest, answer: ServerAnswer) => void {
  return (request, answer) => {
    serveRequest(server, request, answer).catch((error: unknown) => {
      server.core.log.error('a request could not be answered', { error: messageOf(error) });
      (answer as ServerResponse).destroy();
    });
  };
}

async function serveRequest(
  server: Server,
  request: ServerRequest,
  answer: ServerAnswer,
): Promise<void> {
  // Certificates and tokens are judged by the clock, which may have been set.
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
        ...beside.headers,
      });
    if (!isDecodable(path))
      return send(exchange, 400, 'text/plain; charset=utf-8', '400 Bad Request');
    checkTimeout(exchange.info);
    await identify(server, exchange, answer);
    const served = await seated(server, exchange, answer, () => dispatch(server, exchange));
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
    drain(request);
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
    user: () => server.authenticator.authenticate(request, request.socket),
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
    exchange.real = await server.authenticator.authenticate(request, request.socket);
  } catch (error) {
    server.audit?.refused(exchange);
    throw error;
  }
  exchange.user = exchange.real;
  const recording = server.audit?.begin(exchange);
  if (answer) recording?.follow(answer as ServerResponse);
  if (exchange.real !== anonymous && !server.life.know(exchange)) throw tooManyConnections();
  if (!asksForOther(request.headers)) return;
  exchange.user =
    (await impersonated(request.headers, exchange.user, server.authorize)) ?? exchange.user;
}

/** A refused body must still be read, or the connection stalls. */
function drain(request: ServerRequest): void {
  if (!request.readableEnded) request.resume();
}

const tooManyConnections = (): ApiError =>
  new ApiError('TooManyRequests', 'too many connections of this user, please try again later', {
    details: { retryAfterSeconds: 1 },
  });

export async function dispatch(server: Server, exchange: Exchange): Promise<void> {
  const { info } = exchange;
  const { aggregator } = server;
  // Before any other answer: a user without the right must not learn what exists.
  const deciding = authorize(server, exchange);
  if (deciding) await deciding;
  const delegate = info.path.startsWith('/apis/') ? aggregator.delegate(exchange) : undefined;
  if (delegate) return delegate(server, exchange);
  if (info.isResource && (info.group === '' || server.core.resources.servesGroup(info.group)))
    return serveResource(server, exchange);
  const handler = server.routes.find(info.path);
  if (!handler) return sendNoPath(exchange);
  if (info.method !== 'GET' && info.method !== 'HEAD') throw methodNotAllowed();
  return handler(server, exchange);
}
