import {
  connect,
  constants,
  performServerHandshake,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Duplex } from 'node:stream';
import { IoError } from '../base/errors.ts';

/**
 * Many connections over one: each is a stream of HTTP/2 (CONNECT, RFC 9113 8.5), with a flow
 * control of its own, so that a slow reader holds up nobody else.
 */
export interface Opener {
  /** A connection to `authority` (`host:port`), as seen from the other end. */
  open(authority: string): Promise<Duplex>;
  close(): void;
}

/**
 * HTTP/2 takes a socket of Node's for itself, down to its handle; one that has spoken another
 * protocol before, as an upgraded one has, does not survive that (Node ends with an assertion). It
 * sees a plain stream.
 */
function plain(socket: Duplex): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      if (socket.write(chunk)) return done();
      drained = done;
    },
    final: (done) => {
      socket.end();
      done();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  let drained: (() => void) | undefined;
  socket.on('drain', () => {
    const done = drained;
    drained = undefined;
    done?.();
  });
  socket.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => stream.destroy());
  return stream;
}

/** What one stream may have on its way unread, and all of them together. */
const streamWindow = 256 << 10;
const sessionWindow = 4 << 20;
const mostStreams = 1024;
/** The other end counts as gone when it has not answered by then. */
const openMs = 10_000;

/**
 * The end that opens connections. `lost` is called once, when the other end is gone or says
 * goodbye; `pinged` whenever it shows that it lives.
 */
export function multiplexOpener(
  socket: Duplex,
  { lost, pinged }: { lost(): void; pinged(): void },
): Opener {
  const session: ClientHttp2Session = connect('http://tunnel', {
    createConnection: () => plain(socket),
    settings: { initialWindowSize: streamWindow, enablePush: false },
  });
  session.on('connect', () => session.setLocalWindowSize(sessionWindow));
  session.on('error', () => undefined); // what follows is 'close'
  session.on('close', lost);
  session.on('goaway', () => session.close());
  session.on('ping', pinged);
  return { open: (authority) => opened(session, authority), close: () => session.destroy() };
}

function opened(session: ClientHttp2Session, authority: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new IoError(`tunnel: ${authority}: ${why}`, { op: 'tunnel', code: 'TUNNEL' }));
    if (session.closed || session.destroyed) return fail('the tunnel has ended');
    const stream = session.request({ ':method': 'CONNECT', ':authority': authority });
    const timer = setTimeout(() => {
      stream.close(constants.NGHTTP2_CANCEL);
      fail(`no answer in ${openMs} ms`);
    }, openMs);
    stream.once('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
      clearTimeout(timer);
      if (headers[':status'] === 200) return resolve(stream);
      stream.close(constants.NGHTTP2_CANCEL);
      fail(`refused with status ${headers[':status']}`);
    });
    stream.once('close', () => {
      clearTimeout(timer);
      fail('the tunnel has ended');
    });
    stream.on('error', (error) => fail(error.message));
  });
}

/** The end that is asked. */
export interface Acceptor {
  /** Asks whether the other end lives; throws when no answer comes within `ms`. */
  ping(ms: number): Promise<void>;
  destroy(): void;
}

/**
 * `accept` makes the connection that is asked for, or throws: the other end is then told 403.
 * `ended` is called once.
 */
export function multiplexAcceptor(
  socket: Duplex,
  { accept, ended }: { accept(authority: string): Promise<Duplex>; ended(): void },
): Acceptor {
  const session: ServerHttp2Session = performServerHandshake(plain(socket), {
    settings: { initialWindowSize: streamWindow, maxConcurrentStreams: mostStreams },
  });
  session.setLocalWindowSize(sessionWindow);
  session.on('error', () => undefined); // what follows is 'close'
  session.on('close', ended);
  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    if (headers[':method'] !== 'CONNECT')
      return stream.respond({ ':status': 405 }, { endStream: true });
    accept(headers[':authority'] ?? '').then(
      (to) => carry(stream, to),
      () => {
        if (!stream.destroyed) stream.respond({ ':status': 403 }, { endStream: true });
      },
    );
  });
  return {
    ping: (ms) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new IoError('tunnel: no answer', { op: 'tunnel' })),
          ms,
        );
        const answered = session.ping((error) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        });
        if (!answered) reject(new IoError('tunnel: it has ended', { op: 'tunnel' }));
      }),
    destroy: () => session.destroy(),
  };
}

function carry(stream: ServerHttp2Stream, to: Duplex): void {
  if (stream.destroyed) return void to.destroy();
  stream.respond({ ':status': 200 });
  to.on('error', () => stream.close(constants.NGHTTP2_CONNECT_ERROR));
  stream.on('close', () => to.destroy());
  to.on('close', () => {
    if (!to.readableEnded) stream.close(constants.NGHTTP2_CONNECT_ERROR);
  });
  stream.pipe(to);
  to.pipe(stream);
}
