import { chmod, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { IoError, messageOf } from '../base/errors.ts';
import { WireSocket, type Transport, type WireProtocol } from './wire-socket.ts';

/**
 * The sockets under a gRPC server. What is spoken on them is handed in (internal/wire/h2): Node's
 * own HTTP/2 costs several times the processor and memory per call, and refuses what Go's clients
 * send for unix sockets. Not promised: compression (refused as the protocol wants it), deadlines
 * (the client keeps its own).
 */
export interface GrpcServerOptions {
  listen: ({ host: string; port: number } | { path: string })[];
  /** PEM texts. With `clientCa`, callers must show a certificate of it. */
  tls?: { key: string; cert: string; clientCa?: string };
  unary: Map<string, (request: Buffer) => Buffer | Promise<Buffer>>;
  streams: Map<string, (stream: GrpcServerStream) => void>;
  maxRequestBytes: number;
  /** Answers a GET that is no call, as probes send it; must not reject. */
  http?: (path: string) => Promise<PlainAnswer>;
}

export interface PlainAnswer {
  status: number;
  /** content-type */
  type: string;
  body: string;
}

/**
 * One call with streams. Set the callbacks at once; a request without a stream is one message and
 * then `onEnd`.
 */
export interface GrpcServerStream {
  onMessage: (message: Buffer) => void;
  /** The client will send no more. */
  onEnd: () => void;
  /** The call is over, ended by either side. */
  onClosed: () => void;
  /** Bytes that were sent and wait for the client to read. */
  readonly waitingBytes: number;
  /** Called when waitingBytes fell to nothing after `send` returned false. */
  onDrain: () => void;
  /**
   * False when the client does not keep up. `rest` follows `message` as if it were one buffer; none
   * may change any more.
   */
  send(message: Buffer, rest?: Buffer[]): boolean;
  end(status?: GrpcStatus): void;
}

export interface GrpcServer {
  ports: number[];
  close(): Promise<void>;
}

/** What a call ends with when it fails: thrown by unary handlers. */
export class GrpcStatus extends Error {
  readonly grpcCode: number;

  constructor(grpcCode: number, details: string) {
    super(details);
    this.grpcCode = grpcCode;
  }
}

export type Speak = (options: GrpcServerOptions, transport: Transport) => WireProtocol;

/** The kernel looks after clients that vanished, without a timer of ours. */
const keepAliveMs = 60_000;

/** A client that connects and says nothing for so long is gone, or means no good. */
const firstWordMs = 120_000;

export async function serveGrpc(options: GrpcServerOptions, speak: Speak): Promise<GrpcServer> {
  const connections = new Set<WireSocket<WireProtocol>>();
  const servers: Server[] = [];
  const ports: number[] = [];
  const close = async (): Promise<void> => {
    const closed = servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of connections) connection.protocol.close();
    await Promise.all(closed);
  };
  for (const where of options.listen) {
    const secure = 'path' in where ? undefined : options.tls;
    const server = makeServer(secure);
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      const connection = new WireSocket(socket, (transport) => speak(options, transport), {
        firstWordMs,
      });
      connections.add(connection);
      connection.onClosed = () => connections.delete(connection);
    });
    server.on('tlsClientError', () => undefined);
    try {
      if ('path' in where) await rm(where.path, { force: true });
      await listen(server, where);
      servers.push(server);
      if ('path' in where) await chmod(where.path, 0o600);
    } catch (error) {
      await close();
      throw error;
    }
    const address = server.address() as AddressInfo | string | null;
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
  }
  return { ports, close };
}

function makeServer(tls: GrpcServerOptions['tls']): Server {
  if (!tls)
    return createServer({
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
  const client =
    tls.clientCa === undefined
      ? {}
      : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
  return createTlsServer({
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    ...client,
  });
}

function listen(
  server: Server,
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
      reject(
        new IoError(`cannot listen on ${name}: ${messageOf(cause)}`, {
          op: 'listen',
          code: (cause as NodeJS.ErrnoException).code ?? 'IO',
          cause,
        }),
      );
    };
    server.once('error', failed);
    // A socket in the file system is nobody else's from its first moment on.
    const mask = 'path' in where ? process.umask(0o177) : undefined;
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
    if (mask !== undefined) process.umask(mask);
  });
}
