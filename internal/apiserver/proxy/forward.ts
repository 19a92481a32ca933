import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { ApiError } from '../../api/status.ts';
import type { DialTarget } from '../../io/dial.ts';
import { messageOf } from '../../base/errors.ts';
import { traceHeaders, type Exchange } from '../http/exchange.ts';
import type { Server } from '../server.ts';

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'http2-settings', 'authorization']);

/** Headers that travel on: neither those of one hop, nor who the client proved to be. */
export function forwardedHeaders(headers: Record<string, string | string[] | undefined>, upgrade = false): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const [key, value] of Object.entries(headers)) {
    if (value === undefined || key.startsWith(':') || key.startsWith('impersonate-')) continue;
    if (hopByHop.has(key) && !(upgrade && (key === 'connection' || key === 'upgrade'))) continue;
    out[key] = value;
  }
  return out;
}

export interface Forwarding {
  target: DialTarget;
  path: string;
  /** Where the target's own paths are found on this server: for redirects and links. */
  prefix?: string;
  /** More headers to send on. */
  headers?: Record<string, string | string[]>;
}

/** Sends a request on and streams the answer back. */
export async function forward(server: Server, exchange: Exchange, to: Forwarding): Promise<void> {
  const { request } = exchange;
  const headers = { ...forwardedHeaders(request.headers), host: hostOf(to.target), 'x-forwarded-uri': exchange.info.path, ...to.headers };
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const abort = new AbortController();
  const answer = exchange.answer as ServerResponse;
  answer.on('close', () => abort.abort());
  let done;
  try {
    done = await server.options.dial.request('proxy', to.target, { method, path: to.path, headers, body: hasBody ? (request as Readable) : undefined, signal: abort.signal });
  } catch (error) {
    throw unreachable(error);
  }
  if (done.kind === 'upgrade') {
    done.socket.destroy();
    throw new ApiError('ServiceUnavailable', 'the target switched protocols without being asked');
  }
  await relay(exchange, done.message, to);
}

export function unreachable(error: unknown): ApiError {
  return new ApiError('ServiceUnavailable', `error trying to reach service: ${messageOf((error as { cause?: unknown }).cause ?? error)}`);
}

const hostOf = (target: DialTarget): string => `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;

async function relay(exchange: Exchange, message: IncomingMessage, to: Forwarding): Promise<void> {
  const answer = exchange.answer as ServerResponse;
  const headers: Record<string, string | string[]> = traceHeaders(exchange);
  for (const [key, value] of Object.entries(message.headers)) if (value !== undefined && !hopByHop.has(key)) headers[key] = value;
  if (to.prefix && typeof headers['location'] === 'string') headers['location'] = rewritten(headers['location'], to);
  const html = to.prefix && /^text\/html/.test(message.headers['content-type'] ?? '') && !message.headers['content-encoding'];
  if (html) {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const body = Buffer.from(rewriteLinks(Buffer.concat(chunks).toString(), to));
    headers['content-length'] = String(body.length);
    answer.writeHead(message.statusCode ?? 502, headers);
    answer.end(body);
    return;
  }
  answer.writeHead(message.statusCode ?? 502, headers);
  answer.flushHeaders?.();
  await new Promise<void>((resolve) => {
    message.pipe(answer);
    message.on('error', () => answer.destroy());
    answer.on('close', () => {
      message.destroy();
      resolve();
    });
    message.on('end', resolve);
  });
}

/** An absolute path, or a URL of the target itself, as it is reached through this server. */
function rewritten(url: string, to: Forwarding): string {
  const own = new RegExp(`^https?://${to.target.host.replaceAll('.', '\\.')}(:\\d+)?(?=/|$)`);
  const path = url.replace(own, '') || '/';
  return path.startsWith('/') && !path.startsWith('//') ? `${to.prefix}${path}` : url;
}

const linkAttribute = /(\s(?:href|src|action|background|cite|classid|codebase|data|formaction|icon|longdesc|manifest|poster|profile|usemap)\s*=\s*)(["'])([^"']*)\2/gi;

function rewriteLinks(html: string, to: Forwarding): string {
  return html.replace(linkAttribute, (_all, head: string, quote: string, url: string) => `${head}${quote}${rewritten(url, to)}${quote}`);
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
