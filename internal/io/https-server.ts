import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import { IoError, messageOf } from '../base/errors.ts';
import { whenHello } from './client-hello.ts';
import {
  ConnectionBounds,
  connectionLimits,
  pairOf,
  type Connection,
  type ConnectionLimits,
  type KnownUser,
} from './connection-bounds.ts';
import { HandshakeQueue } from './handshake-queue.ts';
import { shapeOf } from './hello-shape.ts';
import type { Http2Answer, Http2Request } from './http2-exchange.ts';
import { WireSocket, type Transport, type WireProtocol } from './wire-socket.ts';

/** HTTP/2 and HTTP/1.1 behind TLS on one port; upgrades (WebSocket, SPDY) arrive as raw sockets. */
export interface HttpsListener {
  readonly port: number;
  /** Serves new connections with another certificate. */
  renew(tls: { key: string; cert: string; ca?: string }): void;
  /** Stops listening; what is being answered has a moment to come to its end. */
  close(): Promise<void>;
  /**
   * A request of this connection was authenticated as `user`: from now on it counts for that user.
   * False when the user has too many.
   */
  know(request: ServerRequest, user: KnownUser): boolean;
}

export type ServerRequest = IncomingMessage | Http2Request;
export type ServerAnswer = ServerResponse | Http2Answer;

/** The server's side of one HTTP/2 connection. */
export interface Http2Connection extends WireProtocol {
  /** Streams that may be open at once. */
  readonly mostStreams: number;
  /** A user is known by this connection: it may do more. */
  know(): void;
  /** Takes no more requests, and ends when those that there are have been answered. */
  leave(): void;
}

/** internal/wire/h2/http.ts. Node's own HTTP/2 costs several times the processor and memory. */
export type SpeakHttp2 = (
  transport: Transport,
  socket: TLSSocket,
  take: (request: Http2Request, answer: Http2Answer) => void,
) => Http2Connection;

export interface HttpsServerOptions {
  http2: SpeakHttp2;
  host: string;
  port: number;
  key: string;
  cert: string;
  /** Client certificates are asked for, never required, and never judged here. */
  ca?: string;
  /** Other bounds than the usual ones. */
  limits?: Partial<ConnectionLimits>;
  onRequest(request: ServerRequest, answer: ServerAnswer): void;
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** A client broke off the handshake: it may not like our certificate. */
  onHandshakeFailed?(): void;
}

/**
 * Node checks slow HTTP/1 requests with an interval; an idle server must not tick, so it is moved
 * out of sight and ConnectionBounds does its work.
 */
const neverMs = 0x7fffffff;

/**
 * Headers of one request over HTTP/1.1, all together; more is answered with 431. A large token has
 * 8 KiB, forty groups 4.
 */
const maxHeaderBytes = 64 * 1024;

export async function listenHttps(op: string, options: HttpsServerOptions): Promise<HttpsListener> {
  const limits = { ...connectionLimits, ...options.limits };
  const bounds = new ConnectionBounds(limits);
  const server = createTlsServer({
    key: options.key,
    cert: options.cert,
    ca: options.ca,
    ALPNProtocols: ['h2', 'http/1.1'],
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMs,
  });
  const plain = createHttpServer({
    connectionsCheckingInterval: neverMs,
    maxHeaderSize: maxHeaderBytes,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  });
  const guard = guardConnections(server, bounds);
  const door: Server = createTcpServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs },
    (socket) => guard.accept(socket),
  );
  plain.on('request', (request, answer) => {
    if (guard.begin(request, answer)) options.onRequest(request, answer);
  });
  plain.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    guard.upgrade(request);
    options.onUpgrade(request, socket, head);
  });
  answerBroken(plain);
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.destroyed) return;
    if (socket.alpnProtocol !== 'h2') return void plain.emit('connection', socket);
    const { protocol } = new WireSocket(socket, (transport) =>
      options.http2(transport, socket, (request, answer) => {
        if (!guard.begin(request, answer)) return answer.destroy();
        if (!guard.late(request)) return options.onRequest(request, answer);
        // What is reset in the same breath is not worth an answer.
        setImmediate(() => {
          if (!answer.destroyed) options.onRequest(request, answer);
        });
      }),
    );
    guard.speaks(socket, protocol);
  });
  server.on('tlsClientError', () => options.onHandshakeFailed?.());
  await listen(op, door, options);
  return {
    port: (door.address() as AddressInfo).port,
    renew: (tls) => server.setSecureContext(tls),
    close: () =>
      new Promise((resolve) => {
        door.close(() => resolve());
        guard.close();
      }),
    know: (request, user) => guard.know(request, user),
  };
}

/**
 * Connections that the kernel keeps until they are accepted (as many as net.core.somaxconn lets
 * it); a client that finds no room tries again after a second.
 */
const backlog = 4096;

function listen(
  op: string,
  door: Server,
  { host, port }: { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(
        new IoError(`${op}: cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
          op,
          cause,
          hint: `"ss -ltnp" shows which program has port ${port}`,
        }),
      );
    door.once('error', failed);
    door.listen({ host, port, backlog }, () => {
      door.off('error', failed);
      door.on('error', () => undefined);
      resolve();
    });
  });
}

/**
 * A request over HTTP/1.1 that is none, or whose headers are too large, hears so: what it still
 * sends is taken, so that the answer is not lost.
 */
function answerBroken(server: HttpServer): void {
  const answered = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (answered.has(socket) || !socket.writable)
      return void (answered.has(socket) || socket.destroy());
    answered.add(socket);
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n` +
        `\r\n${status}`,
    );
    setTimeout(() => socket.destroy(), goAwayMs).unref();
  });
}

interface Guard {
  /** A connection that has just been made; TLS begins on it when its turn comes. */
  accept(socket: Socket): void;
  /** It speaks HTTP/2. */
  speaks(socket: TLSSocket, protocol: Http2Connection): void;
  begin(request: ServerRequest, answer: ServerAnswer): boolean;
  /**
   * Whether the request came with so many others that it waits until all that has been read is
   * looked through.
   */
  late(request: Http2Request): boolean;
  upgrade(request: IncomingMessage): void;
  know(request: ServerRequest, user: KnownUser): boolean;
  close(): void;
}

/** Tells the bounds of every connection and request. */
function guardConnections(server: TlsServer, bounds: ConnectionBounds): Guard {
  const sockets = new Map<Socket, Connection>();
  const byPair = new Map<string, Connection>();
  /** By TLS socket. */
  const known = new WeakMap<object, Connection>();
  const protocolOf = new WeakMap<Connection, Http2Connection>();
  // Before the listener that speaks on it.
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = byPair.get(pairOf(socket));
    if (!connection) return void socket.destroy();
    known.set(socket, connection);
    connection.secure = true;
    connection.end = () => socket.destroy();
  });
  const turns = new Turns();
  const handshakes = new HandshakeQueue();
  const of = (request: ServerRequest): Connection | undefined => known.get(request.socket);
  return {
    accept(socket) {
      handshakes.arrive();
      const pair = pairOf(socket);
      const connection = bounds.add(socket.remoteAddress ?? '', () => socket.destroy());
      sockets.set(socket, connection);
      byPair.set(pair, connection);
      let leave: () => void = () => undefined;
      whenHello(socket, (hello) => {
        connection.shape = shapeOf(hello);
        const acquaintance = bounds.acquaintance(connection);
        // A stranger has one place for each address, whatever the hellos look like.
        const sender =
          acquaintance === 'client'
            ? `${connection.address} ${connection.shape}`
            : connection.address;
        leave = handshakes.add(sender, acquaintance, () => void server.emit('connection', socket));
      });
      socket.on('error', () => undefined);
      socket.once('close', () => {
        leave();
        sockets.delete(socket);
        byPair.delete(pair);
        bounds.remove(connection);
      });
    },
    speaks(socket, protocol) {
      const connection = known.get(socket);
      if (!connection) return;
      protocolOf.set(connection, protocol);
      connection.end = () => {
        protocol.leave();
        setTimeout(() => socket.destroy(), goAwayMs).unref();
      };
    },
    begin(request, answer) {
      const connection = of(request);
      if (!connection) return false;
      bounds.begin(connection);
      answer.once('close', () => bounds.finish(connection));
      return true;
    },
    late(request) {
      const connection = of(request);
      const protocol = connection && protocolOf.get(connection);
      return protocol !== undefined && !turns.admit(request.socket, protocol.mostStreams);
    },
    // The connection is its stream's from now on: it is never idle again.
    upgrade(request) {
      const connection = of(request);
      if (connection) bounds.begin(connection);
    },
    know(request, user) {
      const connection = of(request);
      if (!connection || connection.user !== undefined) return true;
      if (!bounds.know(connection, user)) return false;
      protocolOf.get(connection)?.know();
      return true;
    },
    close() {
      bounds.close();
      for (const [socket, connection] of sockets) {
        if (connection.open === 0) connection.end();
        else protocolOf.get(connection)?.leave();
        setTimeout(() => socket.destroy(), goAwayMs).unref();
      }
    },
  };
}

/**
 * The kernel probes silent connections, so that clients that are gone without a word do not stay.
 */
const keepAliveAfterMs = 30_000;

/** How long a client has to take note of the end. */
const goAwayMs = 1_000;

/** Streams that a session may begin in one turn of the event loop before they wait for its end. */
const promptStreams = 32;
/**
 * Answers may go out while a turn lasts, so that more streams begin in it than may be open at once;
 * not three times as many.
 */
const turnFactor = 3;
/**
 * How many streams each session begins in one turn of the event loop. Nothing has been answered for
 * most of that time, so a session that begins far more than may be open at once has reset them
 * itself: its end comes at once.
 */
class Turns {
  #begun: Map<TLSSocket, number> | undefined;

  /** False for a stream that comes late in a turn. */
  admit(socket: TLSSocket, mostOpen: number): boolean {
    if (!this.#begun) {
      this.#begun = new Map();
      setImmediate(() => (this.#begun = undefined));
    }
    const streams = (this.#begun.get(socket) ?? 0) + 1;
    this.#begun.set(socket, streams);
    if (streams > turnFactor * mostOpen) socket.destroy();
    return streams <= promptStreams;
  }
}
