import * as http2 from 'node:http2';
import { chmod, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { IoError, messageOf } from '../base/errors.ts';

/**
 * A gRPC server straight on node:http2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). grpc-js' server
 * costs several times the processor per call; a datastore answers thousands a second on a small board.
 * Not promised: compression (refused as the protocol wants it), deadlines (the client keeps its own).
 */
export interface GrpcServerOptions {
  listen: ({ host: string; port: number } | { path: string })[];
  /** PEM texts. With `clientCa`, callers must show a certificate of it. */
  tls?: { key: string; cert: string; clientCa?: string };
  unary: Map<string, (request: Buffer) => Buffer | Promise<Buffer>>;
  streams: Map<string, (stream: GrpcServerStream) => void>;
  maxRequestBytes: number;
}

/** One call with streams. Set the callbacks at once; a request without a stream is one message and then `onEnd`. */
export interface GrpcServerStream {
  onMessage: (message: Buffer) => void;
  /** The client will send no more. */
  onEnd: () => void;
  /** The call is over, whoever ended it. */
  onClosed: () => void;
  /** Bytes that were sent and wait for the client to read. */
  readonly waitingBytes: number;
  /** Called when waitingBytes fell to nothing after `send` returned false. */
  onDrain: () => void;
  /** False when the client does not keep up. */
  send(message: Buffer): boolean;
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

const unimplemented = 12;
const unknown = 2;
const resourceExhausted = 8;
const frameHeaderBytes = 5;
const windowBytes = 1024 * 1024;
const okHeaders = { ':status': 200, 'content-type': 'application/grpc' };

export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const servers: (http2.Http2Server | http2.Http2SecureServer)[] = [];
  const ports: number[] = [];
  for (const where of options.listen) {
    const server = makeServer('path' in where ? undefined : options.tls);
    server.on('session', (session) => {
      sessions.add(session);
      session.setLocalWindowSize(windowBytes * 4);
      session.on('close', () => sessions.delete(session));
      session.on('error', () => undefined); // a connection that breaks is the client's to report
    });
    server.on('sessionError', () => undefined);
    server.on('stream', (stream, headers) => dispatch(options, stream, headers));
    if ('path' in where) await rm(where.path, { force: true });
    await listen(server, where);
    if ('path' in where) await chmod(where.path, 0o600);
    const address = server.address() as AddressInfo | string | null;
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
    servers.push(server);
  }
  return {
    ports,
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      for (const session of sessions) session.destroy();
      await Promise.all(closed);
    },
  };
}

function makeServer(tls: GrpcServerOptions['tls']): http2.Http2Server | http2.Http2SecureServer {
  const settings = { initialWindowSize: windowBytes, maxConcurrentStreams: 0x7fffffff };
  const maxSessionMemory = 256;
  if (!tls) return http2.createServer({ settings, maxSessionMemory });
  const client = tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
  return http2.createSecureServer({ settings, maxSessionMemory, key: tls.key, cert: tls.cert, minVersion: 'TLSv1.2', ...client });
}

function listen(server: http2.Http2Server | http2.Http2SecureServer, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
      reject(new IoError(`cannot listen on ${name}: ${messageOf(cause)}`, { op: 'listen', code: (cause as NodeJS.ErrnoException).code ?? 'IO', cause }));
    };
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function dispatch(options: GrpcServerOptions, stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  stream.on('error', () => undefined); // a reset by the client; 'close' follows
  const path = headers[':path'] ?? '';
  const unary = options.unary.get(path);
  const streaming = options.streams.get(path);
  if (unary !== undefined) answerUnary(options, stream, unary);
  else if (streaming !== undefined) openStream(options, stream, streaming);
  else {
    const [, service = '', method = ''] = path.split('/');
    const known = [...options.unary.keys(), ...options.streams.keys()].some((p) => p.startsWith(`/${service}/`));
    fail(stream, new GrpcStatus(unimplemented, known ? `unknown method ${method} for service ${service}` : `unknown service ${service}`));
    stream.resume();
  }
}

function answerUnary(options: GrpcServerOptions, stream: http2.ServerHttp2Stream, handler: (request: Buffer) => Buffer | Promise<Buffer>): void {
  const frames = new Frames(options.maxRequestBytes);
  let request: Buffer | undefined;
  stream.on('data', (chunk: Buffer) => {
    try {
      frames.push(chunk, (message) => (request ??= message));
    } catch (error) {
      fail(stream, error);
    }
  });
  stream.on('end', () => {
    if (stream.destroyed || stream.headersSent) return;
    if (request === undefined) return fail(stream, new GrpcStatus(13, 'the request has no message'));
    try {
      const answer = handler(request);
      if (answer instanceof Promise) {
        answer.then((bytes) => succeed(stream, bytes), (error: unknown) => fail(stream, error));
      } else {
        succeed(stream, answer);
      }
    } catch (error) {
      fail(stream, error);
    }
  });
}

function succeed(stream: http2.ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond(okHeaders, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(message));
}

/** Ends the call with a status only. */
function fail(stream: http2.ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed || stream.closed) return;
  const status = error instanceof GrpcStatus ? error : new GrpcStatus(unknown, messageOf(error));
  if (!stream.headersSent) stream.respond({ ...okHeaders, ...trailersOf(status) }, { endStream: true });
}

function trailersOf(status: GrpcStatus | undefined): Record<string, string> {
  if (!status) return { 'grpc-status': '0' };
  const text = status.message.replace(/[^\x20-\x24\x26-\x7e]/g, (c) => [...Buffer.from(c)].map((b) => `%${b.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
  return { 'grpc-status': String(status.grpcCode), 'grpc-message': text };
}

function openStream(options: GrpcServerOptions, stream: http2.ServerHttp2Stream, handler: (stream: GrpcServerStream) => void): void {
  const frames = new Frames(options.maxRequestBytes);
  let ended: { status: GrpcStatus | undefined } | undefined;
  const respond = (): void => {
    if (stream.headersSent) return;
    stream.respond(okHeaders, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailersOf(ended?.status)));
  };
  const open: GrpcServerStream = {
    onMessage: () => undefined,
    onEnd: () => undefined,
    onClosed: () => undefined,
    onDrain: () => undefined,
    get waitingBytes() {
      return stream.writableLength;
    },
    send(message) {
      if (ended || stream.destroyed || stream.closed) return true;
      respond();
      return stream.write(framed(message));
    },
    end(status) {
      if (ended || stream.destroyed || stream.closed) return;
      ended = { status };
      if (!stream.headersSent && status) return fail(stream, status);
      respond();
      stream.end();
    },
  };
  handler(open);
  stream.on('data', (chunk: Buffer) => {
    try {
      frames.push(chunk, open.onMessage);
    } catch (error) {
      open.end(error instanceof GrpcStatus ? error : new GrpcStatus(13, messageOf(error)));
    }
  });
  stream.on('end', () => open.onEnd());
  stream.on('drain', () => open.onDrain());
  stream.on('close', () => open.onClosed());
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, frameHeaderBytes);
  return frame;
}

/** Cuts what arrives into messages. */
class Frames {
  readonly #most: number;
  #rest: Buffer | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  push(chunk: Buffer, each: (message: Buffer) => void): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (bytes.length >= frameHeaderBytes) {
      if (bytes[0] !== 0) throw new GrpcStatus(unimplemented, 'grpc: compressed messages are not supported');
      const size = bytes.readUInt32BE(1);
      if (size > this.#most) throw new GrpcStatus(resourceExhausted, `grpc: received message larger than max (${size} vs. ${this.#most})`);
      if (bytes.length < frameHeaderBytes + size) break;
      each(bytes.subarray(frameHeaderBytes, frameHeaderBytes + size));
      bytes = bytes.subarray(frameHeaderBytes + size);
    }
    if (bytes.length > 0) this.#rest = bytes;
  }
}
