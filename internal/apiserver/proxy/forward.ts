import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Duplex, type Readable, type Transform } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { joinHostPort } from '../../base/addresses.ts';
import { ApiError } from '../../api/status.ts';
import { breakOff } from '../../io/break-off.ts';
import type { DialTarget } from '../../io/dial.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import { messageOf } from '../../base/errors.ts';
import { traceHeaders, type Exchange } from '../http/exchange.ts';
import type { Outward } from './outward.ts';
import { back, onward, type Headers } from './headers.ts';
import { HtmlLinks } from './html-links.ts';

export interface Forwarding {
  target: DialTarget;
  path: string;
  /**
   * Where the target's own paths are found on this server: redirects and links are rewritten.
   * Without it a redirect is refused, as it would lead a client and its credentials elsewhere.
   */
  prefix?: string;
  /** More headers to send on. */
  headers?: Headers;
}

/** Sends a request on and streams the answer back. */
export async function forward(server: Outward, exchange: Exchange, to: Forwarding): Promise<void> {
  const message = await ask(server, exchange, to);
  const { statusCode = 0 } = message;
  if (!to.prefix && isRedirect(message)) {
    message.destroy();
    throw redirected();
  }
  if (statusCode < 200 || statusCode > 599) {
    message.destroy();
    throw new ApiError(
      'ServiceUnavailable',
      `error trying to reach service: the answer has the status ${statusCode}`,
    );
  }
  await relay(exchange, message, to);
}

/** The head of the target's answer. The client's going away ends it. */
async function ask(server: Outward, exchange: Exchange, to: Forwarding): Promise<IncomingMessage> {
  const { request } = exchange;
  const headers: Headers = {
    ...onward(request.headers, { upgrade: false }),
    host: hostOf(to.target),
    'x-forwarded-uri': exchange.info.path,
    ...to.headers,
  };
  const body = bodyOf(request);
  // A length that nobody told is told in chunks, for every method: else the target would take a
  // body for the next request.
  if (body && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  const abort = new AbortController();
  exchange.answer.on('close', () => abort.abort());
  let done;
  try {
    done = await server.options.dial.request('proxy', to.target, {
      method: request.method ?? 'GET',
      path: to.path,
      headers,
      body,
      signal: abort.signal,
    });
  } catch (error) {
    throw unreachable(error);
  }
  if (done.kind === 'upgrade') {
    done.socket.destroy();
    throw new ApiError('ServiceUnavailable', 'the target switched protocols without being asked');
  }
  return done.message;
}

function bodyOf(request: ServerRequest): Readable | undefined {
  if ('endAfterHeaders' in request) return request.endAfterHeaders ? undefined : request;
  const { headers } = request;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
    ? request
    : undefined;
}

export const isRedirect = (message: IncomingMessage): boolean =>
  Math.trunc((message.statusCode ?? 0) / 100) === 3 && message.headers['location'] !== undefined;

/** As kube-apiserver's RejectForwardingRedirects (CVE-2022-3172). */
export const redirected = (): ApiError =>
  new ApiError('', 'the backend attempted to redirect this request, which is not permitted', {
    httpStatus: 502,
  });

export function unreachable(error: unknown): ApiError {
  const cause = (error as { cause?: unknown }).cause ?? error;
  if (messageOf(cause) === 'address not allowed')
    return new ApiError('BadRequest', 'address not allowed');
  return new ApiError('ServiceUnavailable', `error trying to reach service: ${messageOf(cause)}`);
}

export const hostOf = (target: DialTarget): string => `${joinHostPort(target.host, target.port)}`;

async function relay(exchange: Exchange, message: IncomingMessage, to: Forwarding): Promise<void> {
  const headers: Headers = { ...back(message.headers), ...traceHeaders(exchange) };
  const { prefix } = to;
  if (prefix && typeof headers['location'] === 'string')
    headers['location'] = rewritten(headers['location'], to.target, prefix);
  const stages =
    prefix &&
    exchange.info.method !== 'HEAD' &&
    /^text\/html/i.test(message.headers['content-type'] ?? '')
      ? rewriting(message.headers['content-encoding'], (url) => rewritten(url, to.target, prefix))
      : [];
  if (stages.length) delete headers['content-length'];
  const answer = exchange.answer as ServerResponse;
  answer.writeHead(message.statusCode ?? 502, headers);
  await pump(
    stages.length
      ? (pipeline([message, ...stages], () => undefined) as unknown as Readable)
      : message,
    exchange,
  );
}

/**
 * Bytes flow to the client as fast as it takes them. A source that breaks breaks the answer: half
 * of it must not pass for a whole.
 */
export async function pump(source: Readable, exchange: Exchange): Promise<void> {
  const answer = exchange.answer as ServerResponse;
  answer.flushHeaders?.();
  await new Promise<void>((resolve) => {
    let ended = false;
    const broken = (): void => {
      if (!ended) breakOff(exchange.answer);
      resolve();
    };
    source.on('end', () => {
      ended = true;
      resolve();
    });
    source.on('error', broken);
    source.on('close', broken);
    answer.on('close', () => {
      source.destroy();
      resolve();
    });
    source.pipe(answer);
  });
}

/**
 * The stages between a page and the page with its links rewritten; none for an encoding that is not
 * known.
 */
function rewriting(encoding: string | undefined, change: (url: string) => string): Transform[] {
  if (encoding === undefined || encoding === 'identity') return [new HtmlLinks(change)];
  if (encoding === 'gzip') return [createGunzip(), new HtmlLinks(change), createGzip()];
  if (encoding === 'deflate') return [createInflate(), new HtmlLinks(change), createDeflate()];
  return [];
}

/** An absolute path, or a URL of the target itself, as it is reached through this server. */
function rewritten(url: string, target: DialTarget, prefix: string): string {
  let path = url;
  const own = /^https?:\/\/([^/?#]*)/i.exec(url);
  if (own) {
    if (own[1] !== target.host && own[1] !== hostOf(target)) return url;
    path = url.slice(own[0].length);
    if (!path.startsWith('/')) path = `/${path}`;
  }
  const through =
    path.startsWith('/') &&
    !path.startsWith('//') &&
    path !== prefix &&
    !path.startsWith(`${prefix}/`);
  return through ? `${prefix}${path}` : path;
}

/** Two sockets become one: bytes flow both ways until either side ends. */
export function join(a: Duplex, b: Duplex): void {
  a.pipe(b);
  b.pipe(a);
  const end = (): void => {
    a.destroy();
    b.destroy();
  };
  for (const socket of [a, b]) {
    socket.on('error', end);
    socket.on('close', end);
  }
}
