import { Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** What a request and its answer need of their HTTP/2 stream (internal/wire/h2/http.ts). */
export interface Http2Stream {
  /** So many bytes of the request's body were taken: the client may send as many more. */
  consumed(bytes: number): void;
  /** Sends the head of the answer; `ends` = there is no body. */
  head(status: number, fields: readonly [string, string][], ends: boolean): void;
  /** Sends a part of the body, which must not change any more. */
  body(bytes: Buffer): void;
  /** Sends the last part of the body. */
  end(bytes: Buffer | undefined): void;
  /** Ends the stream unfinished. */
  reset(): void;
  /** Calls `drained` of the answer when nothing waits any more. */
  wantDrain(): void;
}

/** The head of a request, as node:http has it. */
export interface Http2Head {
  method: string;
  url: string;
  headers: Record<string, string>;
  rawHeaders: string[];
  /** There is no body. */
  endAfterHeaders: boolean;
}

/** What may wait in a request's body before the client is held back. */
const bodyAheadBytes = 64 * 1024;

/** A request over HTTP/2, with what is used of node:http's IncomingMessage. */
export class Http2Request extends Readable {
  readonly httpVersion = '2.0';
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: string[];
  readonly endAfterHeaders: boolean;
  readonly socket: TLSSocket;
  readonly #stream: Http2Stream;
  /** Bytes of the body for which the client was given no room yet. */
  #kept = 0;
  #whole = false;

  constructor(head: Http2Head, stream: Http2Stream, socket: TLSSocket) {
    super({ highWaterMark: bodyAheadBytes });
    this.method = head.method;
    this.url = head.url;
    this.headers = head.headers;
    this.rawHeaders = head.rawHeaders;
    this.endAfterHeaders = head.endAfterHeaders;
    this.socket = socket;
    this.#stream = stream;
  }

  override _read(): void {}

  /** Whoever reads takes bytes here, but for those that `receive` hands on at once. */
  override read(size?: number): unknown {
    const taken: unknown = super.read(size);
    this.#giveBack();
    return taken;
  }

  /** A part of the body came. */
  receive(bytes: Buffer): void {
    this.#kept += bytes.length;
    if (!this.destroyed) this.push(bytes);
    this.#giveBack();
  }

  #giveBack(): void {
    const taken = this.#kept - (this.destroyed ? 0 : this.readableLength);
    if (taken <= 0) return;
    this.#kept -= taken;
    this.#stream.consumed(taken);
  }

  /** The body is whole. */
  receivedAll(): void {
    this.#whole = true;
    if (!this.destroyed) this.push(null);
  }

  /** The stream is over. */
  gone(): void {
    if (this.#whole || this.destroyed) return;
    this.emit('aborted');
    this.destroy();
  }
}

/** Answers up to here leave in one piece. */
const wholeBytes = 8 * 1024;
/** From here on `write` says that the client does not keep up. */
const aheadBytes = 64 * 1024;
/** Belong to a connection of HTTP/1.1 (RFC 9113 8.2.2). */
const ofConnections = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
const badName = /[^!#$%&'*+\-.^_`|~0-9a-z]/;

type HeaderValue = string | number | readonly string[];

/** An answer over HTTP/2, with what is used of node:http's ServerResponse. */
export class Http2Answer extends Writable {
  statusCode = 200;
  headersSent = false;
  readonly #stream: Http2Stream;
  readonly #isHead: boolean;
  readonly #fields = new Map<string, HeaderValue>();
  /** A part of the body was written. */
  #begun = false;
  /** The stream was told of the end. */
  #ended = false;
  #over = false;
  #waiting: (() => void) | undefined;
  #closing: (() => void) | undefined;

  constructor(method: string, stream: Http2Stream) {
    super({ highWaterMark: aheadBytes });
    this.#stream = stream;
    this.#isHead = method === 'HEAD';
    // Whoever writes after the end or into a stream that is gone is told by `destroyed`.
    this.on('error', ignore);
  }

  setHeader(name: string, value: HeaderValue): this {
    this.#fields.set(checkedName(name), value);
    return this;
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.#fields.get(name.toLowerCase());
  }

  hasHeader(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.#fields.delete(name.toLowerCase());
  }

  writeHead(status: number, headers: Record<string, HeaderValue | undefined> = {}): this {
    this.statusCode = status;
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined) this.setHeader(name, value);
    }
    return this;
  }

  /** Sends the head, before any body. */
  flushHeaders(): void {
    this.#sendHead(false);
  }

  #sendHead(ends: boolean): void {
    if (this.headersSent) return;
    this.headersSent = true;
    const fields: [string, string][] = [];
    for (const [name, value] of this.#fields) {
      if (ofConnections.has(name)) continue;
      if (typeof value === 'object') for (const one of value) fields.push([name, checked(one)]);
      else fields.push([name, checked(String(value))]);
    }
    if (!this.#fields.has('date')) fields.push(['date', dateNow()]);
    if (!this.#over) this.#stream.head(this.statusCode, fields, ends);
  }

  /** Small answers are whole at once: head, body and end in one write. */
  override end(...args: unknown[]): this {
    const [body] = args;
    if (!this.#begun && !this.#over && !this.writableEnded && !this.destroyed) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      // What is larger counts as not written until the client takes it.
      if (bytes === undefined || (Buffer.isBuffer(bytes) && bytes.length <= wholeBytes)) {
        this.#begun = true;
        this.#ended = true;
        const has = bytes !== undefined && bytes.length > 0 && !this.#isHead;
        if (has || this.headersSent) {
          this.#sendHead(false);
          this.#stream.end(has ? bytes : undefined);
        } else this.#sendHead(true);
        return super.end();
      }
    }
    return (super.end as (...args: unknown[]) => this)(...args);
  }

  /** Done when the connection has it: what waits for the client counts as not written. */
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: () => void): void {
    this.#begun = true;
    this.#sendHead(false);
    if (this.#over || this.#isHead) return done();
    for (const { chunk } of chunks) this.#stream.body(chunk);
    this.#waiting = done;
    this.#stream.wantDrain();
  }

  override _final(done: () => void): void {
    if (!this.#ended && !this.#over) {
      this.#ended = true;
      if (this.headersSent) this.#stream.end(undefined);
      else this.#sendHead(true);
    }
    if (this.#over) done();
    else this.#closing = done;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#over) this.#stream.reset();
    done(error);
  }

  /** The client has taken what waited. */
  drained(): void {
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  /** The stream is over: all was sent, or it was broken off. */
  gone(finished: boolean): void {
    this.#over = true;
    const done = this.#closing;
    this.#closing = undefined;
    if (finished) return done?.();
    this.destroy();
  }
}

const ignore = (): void => undefined;

function checkedName(name: string): string {
  const lower = name.toLowerCase();
  if (lower === '' || badName.test(lower)) throw new TypeError('not a name of a header');
  return lower;
}

function checked(value: string): string {
  if (badValue.test(value)) throw new TypeError('not a value of a header');
  return value;
}

let date = '';
let dateSecond = -1;

/** The `date` of answers. */
function dateNow(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(second * 1000).toUTCString();
  }
  return date;
}
