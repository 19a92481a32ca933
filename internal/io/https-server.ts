import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import type { TLSSocket } from 'node:tls';
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

/** HTTP/2 and HTTP/1.1 behind TLS on one port; upgrades (WebSocket, SPDY) arrive as raw sockets. */
export interface HttpsListener {
  readonly port: number;
  /** Serves new connections with another certificate. */
  renew(tls: { key: string; cert: string; ca?: string }): void;
  /** Stops listening and ends what is open after `graceMs`. */
  close(): Promise<void>;
  /**
   * A request of this connection was authenticated as `user`: from now on it counts for that user.
   * False when the user has too many.
   */
  know(request: ServerRequest, user: KnownUser): boolean;
}

export type ServerRequest = IncomingMessage | Http2ServerRequest;
export type ServerAnswer = ServerResponse | Http2ServerResponse;

export interface HttpsServerOptions {
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
 * Headers of one request, all together; more is answered with 431 (HTTP/1.1) or a reset stream
 * (HTTP/2). A large token has 8 KiB, forty groups 4.
 */
const maxHeaderBytes = 64 * 1024;

/** HTTP/2 as strangers get it, and what clients that are known get on top. */
const strangerStreams = 100;
const knownStreams = 1000;
const knownWindowBytes = 16 << 20;

export async function listenHttps(op: string, options: HttpsServerOptions): Promise<HttpsListener> {
  const limits = { ...connectionLimits, ...options.limits };
  const bounds = new ConnectionBounds(limits);
  const server: Http2SecureServer = createSecureServer({
    key: options.key,
    cert: options.cert,
    ca: options.ca,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMs,
    maxSessionMemory: 100,
    // Streams that are opened to be reset, and frames that only cost work: the connection ends
    // (CVE-2023-44487, CVE-2024-27983).
    streamResetBurst: 500,
    streamResetRate: 50,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxHeaderListPairs: 256,
    settings: {
      maxConcurrentStreams: strangerStreams,
      initialWindowSize: 1 << 20,
      maxHeaderListSize: maxHeaderBytes,
      enableConnectProtocol: false,
    },
    ...({
      connectionsCheckingInterval: neverMs,
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
    } as object),
  });
  const guard = guardConnections(server, bounds);
  const door: Server = createTcpServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs },
    (socket) => guard.accept(socket),
  );
  server.on('request', (request: ServerRequest, answer: ServerAnswer) => {
    if (!guard.begin(request, answer)) return;
    if (!guard.late(request)) return options.onRequest(request, answer);
    // What is reset in the same breath is not worth an answer.
    setImmediate(() => {
      if (!(request as Http2ServerRequest).stream?.destroyed) options.onRequest(request, answer);
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    guard.upgrade(request);
    options.onUpgrade(request, socket, head);
  });
  answerBroken(server);
  server.on('sessionError', () => undefined); // a broken client connection is the client's affair
  server.on('tlsClientError', () => options.onHandshakeFailed?.());
  await listen(op, door, options);
  return {
    port: (door.address() as AddressInfo).port,
    renew: (tls) => server.setSecureContext(tls),
    close: () =>
      new Promise((resolve) => {
        door.close(() => resolve());
        server.close();
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
function answerBroken(server: Http2SecureServer): void {
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
  begin(request: ServerRequest, answer: ServerAnswer): boolean;
  /**
   * Whether the request came with so many others that it waits until all that has been read is
   * looked through.
   */
  late(request: ServerRequest): boolean;
  upgrade(request: IncomingMessage): void;
  know(request: ServerRequest, user: KnownUser): boolean;
  close(): void;
}

/** Tells the bounds of every connection and request. */
function guardConnections(server: Http2SecureServer, bounds: ConnectionBounds): Guard {
  const sockets = new Set<Socket>();
  const byPair = new Map<string, Connection>();
  /** TLS sockets and HTTP/2 sessions. */
  const known = new WeakMap<object, Connection>();
  // Before the server's own listener, which makes the session.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const connection = byPair.get(pairOf(socket));
    if (!connection) return void socket.destroy();
    known.set(socket, connection);
    connection.secure = true;
    connection.end = () => socket.destroy();
  });
  server.on('session', (session: ServerHttp2Session) => {
    session.on('error', () => undefined);
    const connection = session.socket && byPair.get(pairOf(session.socket));
    if (!connection) return session.destroy();
    known.set(session, connection);
    connection.end = () => endSession(session);
    session.on('ping', () => turns.pinged(session));
  });
  const turns = new Turns();
  const handshakes = new HandshakeQueue();
  const of = (request: ServerRequest): Connection | undefined =>
    known.get(sessionOf(request) ?? request.socket);
  return {
    accept(socket) {
      handshakes.arrive();
      const pair = pairOf(socket);
      sockets.add(socket);
      const connection = bounds.add(socket.remoteAddress ?? '', () => socket.destroy());
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
    begin(request, answer) {
      const connection = of(request);
      if (!connection) return false;
      bounds.begin(connection);
      answer.once('close', () => bounds.finish(connection));
      return true;
    },
    late(request) {
      const session = sessionOf(request);
      return (
        session !== undefined &&
        !turns.admit(session, of(request)?.user === undefined ? strangerStreams : knownStreams)
      );
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
      const session = sessionOf(request);
      if (session && !session.destroyed) widen(session);
      return true;
    },
    close() {
      bounds.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * The kernel probes silent connections, so that clients that are gone without a word do not stay.
 */
const keepAliveAfterMs = 30_000;

/** How long a client has to take note of the end. */
const goAwayMs = 1_000;

function endSession(session: ServerHttp2Session): void {
  session.close();
  setTimeout(() => session.destroy(), goAwayMs).unref();
}

/** Streams that a session may begin in one turn of the event loop before they wait for its end. */
const promptStreams = 32;
/**
 * Answers may go out while a turn lasts, so that more streams begin in it than may be open at once;
 * not three times as many.
 */
const turnFactor = 3;
/**
 * Each ping is answered, at a hundredth of what a request costs. Clients ping once in some seconds.
 */
const turnPings = 1000;

/**
 * How many streams each session begins in one turn of the event loop. Nothing has been answered for
 * most of that time, so a session that begins far more than may be open at once has reset them
 * itself: its end comes at once, before nghttp2 counts the resets.
 */
class Turns {
  #begun: Map<ServerHttp2Session, { streams: number; pings: number }> | undefined;

  /** False for a stream that comes late in a turn. */
  admit(session: ServerHttp2Session, mostOpen: number): boolean {
    const turn = this.#turnOf(session);
    turn.streams++;
    if (turn.streams > turnFactor * mostOpen) session.destroy();
    return turn.streams <= promptStreams;
  }

  pinged(session: ServerHttp2Session): void {
    if (++this.#turnOf(session).pings > turnPings) session.destroy();
  }

  #turnOf(session: ServerHttp2Session): { streams: number; pings: number } {
    if (!this.#begun) {
      this.#begun = new Map();
      setImmediate(() => (this.#begun = undefined));
    }
    const turn = this.#begun.get(session) ?? { streams: 0, pings: 0 };
    this.#begun.set(session, turn);
    return turn;
  }
}

function sessionOf(request: ServerRequest): ServerHttp2Session | undefined {
  return (request as { stream?: { session?: ServerHttp2Session } }).stream?.session;
}

function widen(session: ServerHttp2Session): void {
  session.settings({ maxConcurrentStreams: knownStreams });
  session.setLocalWindowSize(knownWindowBytes);
}
