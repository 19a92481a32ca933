import { GrpcStatus, type GrpcServerOptions, type GrpcServerStream } from '../../io/grpc-server.ts';
import type { Transport } from '../../io/wire-socket.ts';
import { messageOf } from '../../base/errors.ts';
import { H2Connection } from './connection.ts';
import { errorCode, H2Error } from './frames.ts';
import type { RequestHead } from './head.ts';
import { headerBlock } from './hpack.ts';
import { PlainHttp } from './http1.ts';
import type { H2Limits } from './limits.ts';
import { MessageBudget, MessageReader, type MessageTaker } from './messages.ts';
import { H2Stream } from './stream.ts';

const unimplemented = 12;
const unknown = 2;
const internal = 13;
const resourceExhausted = 8;
const contentType = 'application/grpc';
const okHead = headerBlock(200, [['content-type', contentType]]);
const okTrailers = headerBlock(undefined, [['grpc-status', '0']]);
const wrongType = headerBlock(415, []);
/**
 * Messages of which a part came, for all calls of a connection. One that wants more is refused, not
 * the connection.
 */
const unfinishedBytes = 256 * 1024 * 1024;
/** `send` says false from here on. A reader that keeps up empties more than this in a turn. */
const fullAtBytes = 64 * 1024;

type Unary = (request: Buffer) => Buffer | Promise<Buffer>;

/**
 * gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): one connection
 * of a server.
 */
export class GrpcConnection extends H2Connection {
  readonly options: GrpcServerOptions;
  readonly budget = new MessageBudget(unfinishedBytes);
  readonly #transport: Transport;
  #plain: PlainHttp | undefined = undefined;

  constructor(options: GrpcServerOptions, transport: Transport, limits?: H2Limits) {
    super(transport, limits);
    this.options = options;
    this.#transport = transport;
  }

  protected accept(id: number, head: RequestHead): H2Stream {
    const { unary, streams } = this.options;
    if (!head.contentType.startsWith(contentType))
      return new PlainCall(this, id, head.method, head.path);
    const one = unary.get(head.path);
    if (one !== undefined) return new UnaryCall(this, id, one);
    const streaming = streams.get(head.path);
    if (streaming !== undefined) return new StreamCall(this, id, streaming);
    return new FailedCall(this, id, this.#unknown(head.path));
  }

  protected override foreign(bytes: Buffer): void {
    if (this.options.http === undefined)
      throw new H2Error(errorCode.protocolError, 'the client does not speak HTTP/2');
    this.#plain ??= new PlainHttp(this.options.http, this.#transport);
    this.#plain.receive(bytes);
  }

  #unknown(path: string): GrpcStatus {
    const [, service = '', method = ''] = path.split('/');
    const known = [...this.options.unary.keys(), ...this.options.streams.keys()].some((p) =>
      p.startsWith(`/${service}/`),
    );
    return new GrpcStatus(
      unimplemented,
      known ? `unknown method ${method} for service ${service}` : `unknown service ${service}`,
    );
  }
}

abstract class GrpcCall extends H2Stream {
  /** The answer's head is sent. */
  protected headed = false;

  declare readonly connection: GrpcConnection;

  drained(): void {}

  /** Ends the call with a status; in one frame when nothing was said before. */
  protected fail(error: unknown): void {
    if (this.over) return;
    const status = error instanceof GrpcStatus ? error : new GrpcStatus(unknown, messageOf(error));
    this.finishWith(this.headed ? trailersOf(status) : headOf(status));
  }

  /** Trailers, after everything that waits. */
  protected finishWith(block: Buffer): void {
    if (this.over || this.endBlock !== undefined) return;
    if (this.queuedBytes > 0) this.endBlock = block;
    else this.connection.sendEnd(this, block);
  }
}

class UnaryCall extends GrpcCall implements MessageTaker {
  readonly #handler: Unary;
  readonly #messages: MessageReader;
  #request: Buffer | undefined = undefined;
  #working = false;

  constructor(connection: GrpcConnection, id: number, handler: Unary) {
    super(connection, id);
    this.#handler = handler;
    this.#messages = new MessageReader(connection.options.maxRequestBytes, connection.budget);
  }

  received(bytes: Buffer, from: number, to: number): void {
    try {
      this.#messages.push(bytes, from, to, this);
    } catch (error) {
      this.fail(error);
    }
  }

  message(bytes: Buffer): void {
    this.#request ??= bytes;
  }

  receivedAll(): void {
    const request = this.#request;
    if (request === undefined)
      return this.fail(new GrpcStatus(internal, 'the request has no message'));
    this.#request = undefined;
    try {
      const answer = this.#handler(request);
      if (answer instanceof Promise) {
        this.#working = true;
        answer.then(
          (bytes) => this.#answer(bytes),
          (error: unknown) => this.#answer(error),
        );
      } else {
        this.#succeed(answer);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    this.#messages.drop();
    if (this.#working) this.connection.orphans++;
  }

  #answer(result: unknown): void {
    this.#working = false;
    if (this.over) this.connection.orphans--;
    else if (Buffer.isBuffer(result)) this.#succeed(result);
    else this.fail(result);
  }

  #succeed(message: Buffer): void {
    const { out } = this.connection;
    this.headed = true;
    out.headers(this, okHead, false);
    out.message(this, message, undefined);
    this.finishWith(okTrailers);
  }
}

class StreamCall extends GrpcCall implements GrpcServerStream, MessageTaker {
  readonly #open: (stream: GrpcServerStream) => void;
  readonly #messages: MessageReader;
  onMessage: (message: Buffer) => void = nothing;
  onEnd: () => void = nothing;
  onClosed: () => void = nothing;
  onDrain: () => void = nothing;

  constructor(connection: GrpcConnection, id: number, open: (stream: GrpcServerStream) => void) {
    super(connection, id);
    this.#open = open;
    this.#messages = new MessageReader(connection.options.maxRequestBytes, connection.budget);
  }

  get waitingBytes(): number {
    return this.queuedBytes;
  }

  override opened(): void {
    this.#guarded(() => this.#open(this));
  }

  received(bytes: Buffer, from: number, to: number): void {
    this.#guarded(() => this.#messages.push(bytes, from, to, this));
  }

  message(bytes: Buffer): void {
    if (!this.over) this.onMessage(bytes);
  }

  receivedAll(): void {
    this.#guarded(() => this.onEnd());
  }

  ended(): void {
    this.#messages.drop();
    this.onClosed();
  }

  override drained(): void {
    this.onDrain();
  }

  send(first: Buffer, rest?: Buffer[]): boolean {
    if (this.over || this.endBlock !== undefined) return true;
    const { out } = this.connection;
    this.#sendHead();
    out.message(this, first, rest);
    if (this.queuedBytes < fullAtBytes) return true;
    this.wantsDrain = true;
    return false;
  }

  end(status?: GrpcStatus): void {
    if (this.over) return;
    // A client that does not read would not read its status either; this code says the same, and
    // what waits is let go.
    if (status?.grpcCode === resourceExhausted && this.queuedBytes > 0)
      return this.connection.reset(this, errorCode.enhanceYourCalm);
    if (status) return this.fail(status);
    this.#sendHead();
    this.finishWith(okTrailers);
  }

  #sendHead(): void {
    if (this.headed) return;
    this.headed = true;
    this.connection.out.headers(this, okHead, false);
  }

  #guarded(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.end(error instanceof GrpcStatus ? error : new GrpcStatus(internal, messageOf(error)));
    }
  }
}

/** A call that nobody serves. */
class FailedCall extends GrpcCall {
  readonly #status: GrpcStatus;

  constructor(connection: GrpcConnection, id: number, status: GrpcStatus) {
    super(connection, id);
    this.#status = status;
  }

  override opened(): void {
    this.fail(this.#status);
  }

  received(): void {}
  receivedAll(): void {}
  ended(): void {}
}

/** A request of a browser or a probe on the same port. */
class PlainCall extends GrpcCall {
  readonly #method: string;
  readonly #path: string;

  constructor(connection: GrpcConnection, id: number, method: string, path: string) {
    super(connection, id);
    this.#method = method;
    this.#path = path;
  }

  receivedAll(): void {
    const { http } = this.connection.options;
    if (http === undefined || (this.#method !== 'GET' && this.#method !== 'HEAD'))
      return this.finishWith(wrongType);
    void http(this.#path).then(({ status, type, body }) => {
      if (this.over) return;
      const bytes = Buffer.from(body);
      const head = headerBlock(status, [
        ['content-type', type],
        ['content-length', String(bytes.length)],
      ]);
      if (this.#method === 'HEAD') return this.finishWith(head);
      this.connection.out.headers(this, head, false);
      this.connection.out.body(this, bytes);
      this.finishWith(noTrailers);
    });
  }

  received(): void {}
  ended(): void {}
}

const noTrailers = Buffer.alloc(0);

function nothing(): void {}

function headOf(status: GrpcStatus): Buffer {
  return headerBlock(200, [['content-type', contentType], ...statusFields(status)]);
}

function trailersOf(status: GrpcStatus): Buffer {
  return headerBlock(undefined, statusFields(status));
}

function statusFields(status: GrpcStatus): [string, string][] {
  const text = status.message.replace(/[^\x20-\x24\x26-\x7e]/gu, (c) =>
    [...Buffer.from(c)].map((b) => `%${b.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  return [
    ['grpc-status', String(status.grpcCode)],
    ['grpc-message', text],
  ];
}
