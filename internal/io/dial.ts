import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as tcpConnect, type Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { Duplex, Readable } from 'node:stream';
import { IoError, messageOf } from '../base/errors.ts';

/** Outgoing connections: one request, or a raw socket. */
export interface DialTarget {
  host: string;
  port: number;
  tls?: { ca?: string; cert?: string; key?: string; servername?: string; insecure?: boolean };
}

export interface DialRequest {
  method: string;
  path: string;
  headers: Record<string, string | string[]>;
  body?: Readable | Buffer;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export type DialAnswer =
  | { kind: 'answer'; message: IncomingMessage }
  | { kind: 'upgrade'; message: IncomingMessage; socket: Duplex; head: Buffer };

export interface Dial {
  request(op: string, target: DialTarget, request: DialRequest): Promise<DialAnswer>;
  /** A connected raw socket. */
  connect(op: string, target: DialTarget): Promise<Duplex>;
}

function optionsFor(target: DialTarget, request: DialRequest): RequestOptions {
  const tls = target.tls;
  return {
    host: target.host,
    port: target.port,
    method: request.method,
    path: request.path,
    headers: request.headers,
    signal: request.signal,
    agent: false,
    ...(tls ? { ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.servername, rejectUnauthorized: !tls.insecure } : {}),
  };
}

export const realDial: Dial = {
  request(op, target, request) {
    return new Promise((resolve, reject) => {
      const make = target.tls ? httpsRequest : httpRequest;
      const out = make(optionsFor(target, request));
      const failed = (cause: unknown): void => reject(new IoError(`${op}: ${target.host}:${target.port}: ${messageOf(cause)}`, { op, cause }));
      out.on('error', failed);
      if (request.timeoutMs) out.setTimeout(request.timeoutMs, () => out.destroy(new Error('timed out')));
      out.on('response', (message) => resolve({ kind: 'answer', message }));
      out.on('upgrade', (message, socket, head) => {
        socket.setTimeout(0);
        resolve({ kind: 'upgrade', message, socket, head });
      });
      if (request.body && !Buffer.isBuffer(request.body)) request.body.pipe(out);
      else out.end(request.body);
    });
  },
  connect(op, target) {
    return new Promise((resolve, reject) => {
      const tls = target.tls;
      const socket: Socket | TLSSocket = tls
        ? tlsConnect({ host: target.host, port: target.port, ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.servername, rejectUnauthorized: !tls.insecure })
        : tcpConnect({ host: target.host, port: target.port });
      socket.setNoDelay(true);
      socket.once('error', (cause) => reject(new IoError(`${op}: ${target.host}:${target.port}: ${cause.message}`, { op, cause })));
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket));
    });
  },
};
