import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { IoError } from '../base/errors.ts';

/** What proves us to the server and the server to us, in PEM. */
export interface HttpTls {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  /**
   * The name to verify when it differs from the host in the address (an address may change, an
   * identity does not).
   */
  serverName?: string;
  insecureSkipVerify?: boolean;
}

export interface HttpRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  /** Ends the request (and a stream that is being read). */
  signal?: AbortSignal;
  /** How long until the head of the answer must be there. 0 = forever. */
  timeoutMs: number;
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
}

/**
 * Receives the answer as it comes. Called at once, so that nothing is lost between the head and
 * the first bytes.
 */
export interface HttpReceiver {
  head?(response: HttpResponse): void;
  data(chunk: Buffer): void;
}

/**
 * HTTP/2 to one server: streams share connections, a lost connection is reopened by the next
 * request.
 */
export interface HttpClient {
  /** Resolves when the answer is complete. */
  request(op: string, request: HttpRequest, receiver: HttpReceiver): Promise<HttpResponse>;
  close(): void;
}

/**
 * Go servers announce 100 to 250; requests above the announced number would wait behind watches
 * that never end.
 */
const defaultStreamsPerConnection = 90;
/** The kernel probes silent connections, so that no timer of ours has to tick. */
const keepAliveAfterMs = 30_000;

interface Connection {
  session: ClientHttp2Session;
  open: number;
  dead: boolean;
}

/**
 * `server` is asked for again at each new connection: addresses may change under a living client.
 */
export function openHttpClient(options: { server: () => string; tls: () => HttpTls }): HttpClient {
  const connections = new Set<Connection>();
  let closed = false;

  const dial = (): Connection => {
    const tls = options.tls();
    const session = connect(options.server(), {
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      servername: tls.serverName,
      rejectUnauthorized: !tls.insecureSkipVerify,
      settings: { initialWindowSize: 1 << 20 },
    });
    const connection: Connection = { session, open: 0, dead: false };
    const lost = (): void => {
      connection.dead = true;
      connections.delete(connection);
    };
    session.on('error', lost); // each stream reports the error too, to whom it concerns
    session.on('close', lost);
    session.on('goaway', lost);
    session.on('connect', (_session, socket) => void socket.setKeepAlive(true, keepAliveAfterMs));
    session.unref();
    connections.add(connection);
    return connection;
  };

  const pick = (): Connection => {
    for (const c of connections) {
      const most = Math.min(
        c.session.remoteSettings?.maxConcurrentStreams ?? defaultStreamsPerConnection,
        defaultStreamsPerConnection,
      );
      if (!c.dead && !c.session.closed && !c.session.destroyed && c.open < most) return c;
    }
    return dial();
  };

  return {
    request(op, request, receiver) {
      if (closed)
        return Promise.reject(new IoError(`${op}: the client is closed`, { op, code: 'CLOSED' }));
      return exchange(op, request, { connection: pick(), receiver });
    },
    close() {
      closed = true;
      for (const c of connections) c.session.destroy();
    },
  };
}

function exchange(
  op: string,
  request: HttpRequest,
  via: { connection: Connection; receiver: HttpReceiver },
): Promise<HttpResponse> {
  const { connection, receiver } = via;
  return new Promise((resolve, reject) => {
    const fail = (message: string, code: string, cause?: unknown): void =>
      reject(new IoError(`${op}: ${message}`, { op, code, cause }));
    if (request.signal?.aborted) return fail('aborted', 'ABORTED');
    let stream: ClientHttp2Stream;
    try {
      stream = connection.session.request(
        { ':method': request.method, ':path': request.path, ...request.headers },
        { endStream: request.body === undefined },
      );
    } catch (cause) {
      connection.dead = true;
      return fail((cause as Error).message, 'CONNECTION', cause);
    }
    connection.open += 1;
    if (connection.open === 1) connection.session.ref();
    let answer: HttpResponse | undefined;
    const timer =
      request.timeoutMs > 0 ? setTimeout(() => timeout(), request.timeoutMs) : undefined;
    const timeout = (): void => {
      // A server that does not answer may be a connection that leads nowhere: the next request gets
      // a new one.
      connection.dead = true;
      fail(`no answer in ${request.timeoutMs} ms`, 'TIMEOUT');
      stream.close(constants.NGHTTP2_CANCEL);
      if (connection.open <= 1) connection.session.destroy();
    };
    const abort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    request.signal?.addEventListener('abort', abort);
    stream.on('response', (headers) => {
      answer = { status: Number(headers[':status']), headers: headers as Record<string, string> };
      clearTimeout(timer);
      receiver.head?.(answer);
    });
    stream.on('data', (chunk: Buffer) => receiver.data(chunk));
    stream.on('end', () => {
      // A lost connection ends its streams as if they were complete.
      if (answer && !connection.session.destroyed) resolve(answer);
    });
    stream.on('error', (cause: NodeJS.ErrnoException) =>
      fail(cause.message, cause.code ?? 'CONNECTION', cause),
    );
    stream.on('close', () => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
      connection.open -= 1;
      if (connection.open === 0) connection.session.unref();
      fail(
        answer
          ? 'the connection was lost in the middle of the answer'
          : 'the connection was closed before an answer',
        'CONNECTION',
      );
    });
    if (request.body !== undefined) stream.end(request.body);
  });
}
