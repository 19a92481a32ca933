import { Buffer } from 'node:buffer';
import { watchBody } from '../../io/body-deadline.ts';
import type { ServerAnswer, ServerRequest } from '../../io/https-server.ts';
import { ApiError } from '../../api/status.ts';
import { StoreError } from '../../store/errors.ts';
import { limits } from '../limits.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Recorded } from '../audit/recorded.ts';
import type { Flow } from '../flowcontrol/flow.ts';
import type { RequestInfo } from './request-info.ts';

/** One HTTP request and its answer, with the user once it is known. */
export interface Exchange {
  request: ServerRequest;
  answer: ServerAnswer;
  info: RequestInfo;
  user: UserInfo;
  /** The authenticated user, before impersonation. */
  real: UserInfo;
  /** What the request belongs to in priority and fairness, once classified. */
  flow?: Flow;
  /** The audit's recording of this request, when the policy wants one. */
  audit?: Recorded;
  warnings: string[];
  auditId: string;
}

/** Tells the client and the audit that what was asked for is on its way out. */
export function warnDeprecated(exchange: Exchange, warning: string): void {
  exchange.warnings.push(warning);
  exchange.audit?.annotate('k8s.io/deprecated', 'true');
}

export function header(request: ServerRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The whole body, or 413, or 504 when it does not come. */
export function readBody(request: ServerRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stream = request as import('node:stream').Readable;
    const settled = watchBody(stream, limits.body, () => reject(timedOut()));
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.maxBodyBytes) {
        stream.removeAllListeners('data');
        stream.resume();
        settled();
        reject(
          new ApiError(
            'RequestEntityTooLarge',
            `Request entity too large: limit is ${limits.maxBodyBytes}`,
          ),
        );
      } else chunks.push(chunk);
    });
    stream.on('close', settled);
    stream.on('end', () => {
      settled();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    stream.on('error', reject);
    stream.on('aborted', () => reject(new ApiError('BadRequest', 'the client went away')));
  });
}

const timedOut = (): ApiError =>
  new ApiError('Timeout', 'Timeout: request did not complete within the allotted timeout', {
    details: {},
  });

const noCache = 'no-cache, private';

export function send(
  exchange: Exchange,
  status: number,
  contentType: string,
  body: Buffer | string,
  extra?: Record<string, string>,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const headers = answerHeaders(exchange, contentType, {
    'content-length': bytes.length,
    ...extra,
  });
  const answer = exchange.answer as import('node:http').ServerResponse;
  if (answer.headersSent || answer.destroyed) return;
  exchange.audit?.response(contentType, bytes);
  answer.writeHead(status, headers);
  answer.end(exchange.info.method === 'HEAD' ? undefined : bytes);
}

/** What each answer with a body carries. */
export function answerHeaders(
  exchange: Exchange,
  contentType: string,
  more: Record<string, string | number> = {},
): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = {
    ...traceHeaders(exchange),
    'cache-control': noCache,
    'content-type': contentType,
    ...more,
  };
  if (exchange.warnings.length)
    headers['warning'] = sentWarnings(exchange.warnings).map(warningHeader);
  return headers;
}

const maxWarningRunes = 4096;
const maxRunesOfMany = 256;

/**
 * Each once. Where they are too much for a header, each is cut short and the rest is left out
 * (apiserver filters/warning.go).
 */
function sentWarnings(warnings: readonly string[]): string[] {
  const once = [...new Set(warnings)];
  let total = 0;
  for (const text of once) total += text.length;
  if (total <= maxWarningRunes) return once;
  const sent: string[] = [];
  let left = maxWarningRunes;
  for (const text of once) {
    const cut = text.slice(0, maxRunesOfMany);
    left -= cut.length;
    if (left < 0) break;
    sent.push(cut);
  }
  return sent;
}

/**
 * What every answer to a known request carries: its audit id, and what it belonged to in priority
 * and fairness.
 */
export function traceHeaders({ auditId, flow }: Exchange): Record<string, string> {
  if (!flow) return { 'audit-id': auditId };
  return {
    'audit-id': auditId,
    'x-kubernetes-pf-flowschema-uid': flow.uid,
    'x-kubernetes-pf-prioritylevel-uid': flow.level.uid,
  };
}

/**
 * RFC 7234 5.5 warn-code 299. Texts repeat what clients sent: control characters would make Node
 * refuse the whole answer, and headers go out as Latin-1, so that the bytes of the UTF-8 are each
 * written as a character.
 */
export function warningHeader(text: string): string {
  const quoted = text.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/["\\]/g, '\\$&');
  return Buffer.from(`299 - "${quoted}"`).toString('latin1');
}

/**
 * What kube-apiserver says as plain text, not as a Status: nobody could decide about the request.
 */
export class PlainError extends ApiError {
  constructor(text: string) {
    super('InternalError', text);
  }
}

/** Outside /api and /apis kube-apiserver answers a plain list of paths, or its plain 404. */
export function sendNoPath(exchange: Exchange): void {
  send(exchange, 404, 'text/plain; charset=utf-8', Buffer.from('404 page not found\n'), {
    'x-content-type-options': 'nosniff',
  });
}

export function sendError(exchange: Exchange, error: unknown): void {
  if (error instanceof PlainError)
    return send(exchange, error.httpStatus, 'text/plain; charset=utf-8', `${error.message}\n`, {
      'x-content-type-options': 'nosniff',
    });
  const api = asApiError(error);
  const extra: Record<string, string> = {};
  const retry = (api.details as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds;
  if (retry) extra['retry-after'] = String(retry);
  const pretty =
    /^(curl|Wget|Mozilla)/.test(header(exchange.request, 'user-agent') ?? '') &&
    exchange.info.query.get('pretty')?.[0] !== 'false';
  send(
    exchange,
    api.httpStatus,
    'application/json',
    pretty ? JSON.stringify(api.toStatus(), null, 2) : `${JSON.stringify(api.toStatus())}\n`,
    extra,
  );
}

function storageMessage({ code }: StoreError): string {
  if (code === 'READ_ONLY')
    return "nothing can be changed: the file system of the server's datastore is read-only";
  return (
    "this cannot be stored: the disk of the server's datastore is full. Objects can still be " +
    'read, deleted and changed a little; free space on the server'
  );
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // The datastore is away for now: that is nobody's mistake, and clients try again.
  if (error instanceof StoreError && error.code === 'UNAVAILABLE')
    return new ApiError('ServiceUnavailable', `the datastore does not answer: ${message}`, {
      details: { retryAfterSeconds: 1 } as never,
      cause: error,
    });
  if (error instanceof StoreError && (error.code === 'NO_SPACE' || error.code === 'READ_ONLY'))
    return new ApiError('InsufficientStorage', storageMessage(error), { cause: error });
  return new ApiError('InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ message } as never] },
    cause: error,
  });
}
