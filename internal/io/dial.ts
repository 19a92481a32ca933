import { isAddress, joinHostPort } from '../base/addresses.ts';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import {
  Agent as HttpsAgent,
  request as httpsRequest,
  type RequestOptions as HttpsRequestOptions,
} from 'node:https';
import { lookup as resolve } from 'node:dns';
import { connect as tcpConnect, type LookupFunction, type Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { Duplex, Readable } from 'node:stream';
import { IoError, messageOf } from '../base/errors.ts';

/** Outgoing connections: one request, or a raw socket. */
export interface DialTarget {
  host: string;
  port: number;
  tls?: { ca?: string; cert?: string; key?: string; servername?: string; insecure?: boolean };
  /**
   * Asked for every address of the host before one is connected to; undefined = anywhere. What was
   * judged is what is connected to: a name is resolved once.
   */
  mayReach?: (address: string) => boolean;
  /**
   * Keeps connections for the next request; without one each request has a connection of its own.
   */
  pool?: DialPool;
  /**
   * The way there when it is no TCP connection of this machine: a raw connection to the target. A
   * pool of such (`openedPool`) goes first.
   */
  open?: (() => Promise<Duplex>) | undefined;
  /** A connection that is established already, TLS included. */
  socket?: Duplex;
}

/**
 * Connections to one place, which nothing holds open but the other side. Idle ones do not keep the
 * process alive.
 */
export interface DialPool {
  readonly agent: HttpAgent;
  /** Idle connections end now, the others after their answers. */
  close(): void;
}

/** Idle connections that are kept at most. */
const maxIdle = 8;

export function dialPool({ tls }: { tls: boolean }): DialPool {
  const agent = new (tls ? HttpsAgent : HttpAgent)({ keepAlive: true, maxFreeSockets: maxIdle });
  return {
    agent,
    close() {
      agent.maxFreeSockets = 0;
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    },
  };
}

/**
 * Connections with TLS that `open` leads to, `host:port` as the target says. A request to the other
 * end of a tunnel costs a twentieth without the handshake (test/bench/SPECIFICATION.md).
 */
export function openedPool(open: (authority: string) => Promise<Duplex>): DialPool {
  const pool = dialPool({ tls: true });
  const agent = pool.agent as HttpsAgent;
  agent.createConnection = (options, done) => {
    const told = options as HttpsRequestOptions;
    const { host, port, ca, cert, key, servername, rejectUnauthorized } = told;
    const tls = { ca, cert, key, servername, insecure: !rejectUnauthorized } as DialTarget['tls'];
    const target = { host: String(host), port: Number(port), tls };
    opened(target, () => open(joinHostPort(target.host, target.port))).then(
      (socket) => done?.(null, socket),
      (cause: Error) => (done as ((cause: Error) => void) | undefined)?.(cause),
    );
    return undefined;
  };
  return pool;
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

/** Until a connection stands, its TLS handshake included (as Go's dialer of kube-apiserver). */
const connectMs = 30_000;
/**
 * The kernel probes silent peers: a machine that lost its power is noticed, and nothing here ticks.
 */
const keepAliveAfterMs = 30_000;
/** The head of an answer is not the place for more. */
const maxAnswerHeadBytes = 64 << 10;

const notAllowed = (): Error => new Error('address not allowed');

/**
 * Resolves a name for a target that may not be anywhere. One bad address spoils a name: nobody has
 * honest reasons to mix them.
 */
function guarded(mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const [first] = found;
      if (!first || !found.every((one) => mayReach(one.address))) return callback(notAllowed(), []);
      if (options.all) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };
}

/**
 * Where a socket goes: the address itself is judged at once, a name when it is resolved. Throws for
 * an address that may not be reached.
 */
function placeOf(target: DialTarget): { host: string; port: number; lookup?: LookupFunction } {
  const { host, port, mayReach } = target;
  if (!mayReach) return { host, port };
  if (isAddress(host) && !mayReach(host)) throw notAllowed();
  return { host, port, lookup: guarded(mayReach) };
}

/** Gives up on a connection that is not established. */
function boundConnecting(socket: Socket, ready: string): void {
  const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), connectMs);
  const done = (): void => clearTimeout(timer);
  socket.once(ready, done);
  socket.once('close', done);
  socket.setKeepAlive(true, keepAliveAfterMs);
}

function optionsFor(target: DialTarget, request: DialRequest): RequestOptions {
  const tls = target.tls;
  return {
    ...placeOf(target),
    method: request.method,
    path: request.path,
    headers: request.headers,
    signal: request.signal,
    agent: target.pool?.agent ?? false,
    maxHeaderSize: maxAnswerHeadBytes,
    ...(tls
      ? {
          ca: tls.ca,
          cert: tls.cert,
          key: tls.key,
          servername: tls.servername,
          rejectUnauthorized: !tls.insecure,
        }
      : {}),
  };
}

/** The connection of a target with a way of its own, TLS included. */
async function opened(
  target: DialTarget,
  open: () => Promise<Duplex>,
  signal?: AbortSignal,
): Promise<Duplex> {
  signal?.throwIfAborted();
  const raw = await open();
  if (signal?.aborted) raw.destroy();
  signal?.throwIfAborted();
  const { tls } = target;
  if (!tls) return raw;
  return await new Promise<Duplex>((resolve, reject) => {
    const socket = tlsConnect({
      socket: raw,
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      servername: tls.servername,
      rejectUnauthorized: !tls.insecure,
    });
    boundConnecting(socket, 'secureConnect');
    const abort = (): void => void socket.destroy(new Error('aborted'));
    signal?.addEventListener('abort', abort);
    socket.once('close', () => signal?.removeEventListener('abort', abort));
    socket.once('error', (error) => {
      raw.destroy();
      reject(error);
    });
    socket.once('secureConnect', () => {
      signal?.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

const isStream = (body: DialRequest['body']): body is Readable =>
  body !== undefined && !Buffer.isBuffer(body);
const isGone = (cause: unknown): boolean =>
  ['ECONNRESET', 'EPIPE'].includes(String((cause as { code?: unknown }).code));

export const realDial: Dial = {
  async request(op, target, request) {
    const { open } = target;
    // A body that flows cannot be sent a second time, should a kept connection be gone.
    const pool = open && isStream(request.body) ? undefined : target.pool;
    if (open && !pool) {
      const failed = (cause: unknown): never => {
        const message = `${op}: ${target.host}:${target.port}: ${messageOf(cause)}`;
        throw new IoError(message, { op, cause });
      };
      const socket = await opened(target, open, request.signal).catch(failed);
      return await realDial.request(op, { ...target, open: undefined, socket }, request);
    }
    return await new Promise((resolve, reject) => {
      const failed = (cause: unknown): void =>
        reject(
          new IoError(`${op}: ${target.host}:${target.port}: ${messageOf(cause)}`, { op, cause }),
        );
      const { socket: standing } = target;
      const make = target.tls && !standing ? httpsRequest : httpRequest;
      let out: ClientRequest;
      try {
        out = make({
          ...optionsFor({ ...target, pool }, request),
          ...(standing && { agent: undefined, createConnection: () => standing as Socket }),
        });
      } catch (cause) {
        return failed(cause);
      }
      // The other side may close a kept connection at the moment in which it is used again: that
      // says nothing about the request.
      out.on('error', (cause) =>
        out.reusedSocket && isGone(cause) && !isStream(request.body)
          ? resolve(realDial.request(op, { ...target, pool: undefined }, request))
          : failed(cause),
      );
      out.on(
        'socket',
        (socket) =>
          out.reusedSocket ||
          standing ||
          open ||
          boundConnecting(socket, target.tls ? 'secureConnect' : 'connect'),
      );
      if (request.timeoutMs)
        out.setTimeout(request.timeoutMs, () => void out.destroy(new Error('timed out')));
      out.on('response', (message) => resolve({ kind: 'answer', message }));
      out.on('upgrade', (message, socket, head) => {
        (socket as Partial<Socket>).setTimeout?.(0);
        resolve({ kind: 'upgrade', message, socket, head });
      });
      if (isStream(request.body)) request.body.pipe(out);
      else out.end(request.body);
    });
  },
  connect(op, target) {
    const { open } = target;
    return new Promise((resolve, reject) => {
      const tls = target.tls;
      const failed = (cause: unknown): void =>
        reject(
          new IoError(`${op}: ${target.host}:${target.port}: ${messageOf(cause)}`, { op, cause }),
        );
      if (open) return void opened(target, open).then(resolve, failed);
      let place;
      try {
        place = placeOf(target);
      } catch (cause) {
        return failed(cause);
      }
      const socket: Socket | TLSSocket = tls
        ? tlsConnect({
            ...place,
            ca: tls.ca,
            cert: tls.cert,
            key: tls.key,
            servername: tls.servername,
            rejectUnauthorized: !tls.insecure,
          })
        : tcpConnect(place);
      boundConnecting(socket, tls ? 'secureConnect' : 'connect');
      socket.setNoDelay(true);
      socket.once('error', failed);
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket));
    });
  },
};
