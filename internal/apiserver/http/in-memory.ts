import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import { PassThrough, Writable } from 'node:stream';
import type { ServerAnswer, ServerRequest } from '../../io/https-server.ts';
import { asApiError } from './exchange.ts';
import { dispatch, openExchange } from './serve.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Server } from '../server.ts';

/** Runs a request through the HTTP handlers without a connection. */
export async function callHandler(
  server: Server,
  user: UserInfo,
  request: { method: string; path: string; body?: unknown; headers?: Record<string, string> },
): Promise<{ status: number; body: Buffer }> {
  const incoming = Object.assign(new PassThrough(), {
    method: request.method,
    url: request.path,
    headers: {
      accept: 'application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    socket: {},
  });
  incoming.end(
    request.body === undefined
      ? ''
      : typeof request.body === 'string' || Buffer.isBuffer(request.body)
        ? request.body
        : JSON.stringify(request.body),
  );
  const answer = new MemoryAnswer();
  const exchange = openExchange(
    server,
    incoming as unknown as ServerRequest,
    answer as unknown as ServerAnswer,
  );
  exchange.user = user;
  exchange.real = user;
  server.audit?.begin(exchange)?.follow(answer as unknown as ServerResponse);
  try {
    await dispatch(server, exchange);
    await answer.ended;
  } catch (error) {
    const api = asApiError(error);
    const body = Buffer.from(JSON.stringify(api.toStatus()));
    exchange.audit?.response('application/json', body);
    exchange.audit?.complete(api.httpStatus);
    return { status: api.httpStatus, body };
  }
  return { status: answer.statusCode, body: Buffer.concat(answer.chunks) };
}

class MemoryAnswer extends Writable {
  statusCode = 200;
  headersSent = false;
  readonly chunks: Buffer[] = [];
  readonly ended: Promise<void>;

  constructor() {
    super();
    this.ended = new Promise((resolve) => this.once('finish', resolve));
  }

  writeHead(status: number): this {
    this.statusCode = status;
    this.headersSent = true;
    return this;
  }

  flushHeaders(): void {
    this.headersSent = true;
  }

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
}
