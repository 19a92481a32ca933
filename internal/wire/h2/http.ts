import type { TLSSocket } from 'node:tls';
import { Http2Answer, Http2Request, type Http2Stream } from '../../io/http2-exchange.ts';
import type { SpeakHttp2 } from '../../io/https-server.ts';
import type { Transport } from '../../io/wire-socket.ts';
import { H2Connection } from './connection.ts';
import { kind, type HeaderField } from './field.ts';
import { errorCode } from './frames.ts';
import { RequestHead } from './head.ts';
import { headerBlock } from './hpack.ts';
import { defaultLimits, type H2Limits } from './limits.ts';
import { H2Stream } from './stream.ts';

/** What a client may ask of an HTTP server before anybody knows who it is. */
const strangerLimits: H2Limits = {
  ...defaultLimits,
  streams: 100,
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: 64 * 1024 - 1,
  // Clients ping once in some seconds; streams that are opened to be reset, and frames that only
  // cost work, end the connection (CVE-2023-44487, CVE-2019-9512 and its like).
  idleFrames: 1000,
  idleFramesPerSecond: 100,
  resets: 500,
  resetsPerSecond: 50,
  waitingBytes: 100 << 20,
};
/** And afterwards. */
const knownLimits: H2Limits = {
  ...strangerLimits,
  streams: 1000,
  connectionWindowBytes: 16 << 20,
  idleFrames: 2000,
};
/** Fields of one head. */
const mostFields = 256;
const goOn = headerBlock(100, []);
const nothing = Buffer.alloc(0);

/** Headers of which the first counts when there are several (as node:http has it). */
const single = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/** All fields of a request. */
class HttpHead extends RequestHead {
  fields: HeaderField[] = [];

  override clear(): this {
    this.fields = [];
    return super.clear();
  }

  override add(field: HeaderField): void {
    super.add(field);
    if (this.fields.length === mostFields) this.refuse();
    else this.fields.push(field);
  }
}

const spaced = /^[ \t]|[ \t]$/;
const around = /^[ \t]+|[ \t]+$/g;

type Take = Parameters<SpeakHttp2>[2];

/** A server's side of HTTP over one HTTP/2 connection: requests and answers as streams of Node. */
class HttpConnection extends H2Connection {
  readonly socket: TLSSocket;
  readonly take: Take;

  constructor(transport: Transport, socket: TLSSocket, take: Take) {
    super(transport, strangerLimits, new HttpHead());
    this.socket = socket;
    this.take = take;
  }

  /** Somebody is known by this connection. */
  know(): void {
    if (this.limits === strangerLimits) this.widen(knownLimits);
  }

  /** Streams that may be open at once. */
  get mostStreams(): number {
    return this.limits.streams;
  }

  protected accept(id: number, head: HttpHead): H2Stream {
    return new HttpStream(this, id, head, this.endsAtOnce);
  }
}

class HttpStream extends H2Stream implements Http2Stream {
  declare readonly connection: HttpConnection;
  override readonly holdsWindow: boolean = true;
  override readonly drains: boolean = true;
  readonly #request: Http2Request;
  readonly #answer: Http2Answer;
  readonly #isPath: boolean;
  readonly #waitsForWord: boolean;

  constructor(connection: HttpConnection, id: number, head: HttpHead, endAfterHeaders: boolean) {
    super(connection, id);
    const headers: Record<string, string> = { __proto__: null } as never;
    const rawHeaders: string[] = [];
    for (const { name, value: sent, kind: what } of head.fields) {
      if (what >= kind.method) {
        if (what === kind.authority) headers['host'] = sent;
        continue;
      }
      // Spaces around it are not part of it, as over HTTP/1.1.
      const value = spaced.test(sent) ? sent.replace(around, '') : sent;
      rawHeaders.push(name, value);
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else if (!single.has(name))
        headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
    const { method, path } = head;
    this.#isPath = path.startsWith('/') || path === '*';
    this.#waitsForWord = !endAfterHeaders && headers['expect'] === '100-continue';
    this.#request = new Http2Request(
      { method, url: path, headers, rawHeaders, endAfterHeaders },
      this,
      connection.socket,
    );
    this.#answer = new Http2Answer(method, this);
  }

  override opened(): void {
    if (!this.#isPath) return this.connection.reset(this, errorCode.protocolError);
    if (this.#waitsForWord) this.connection.out.headers(this, goOn, false);
    this.connection.take(this.#request, this.#answer);
  }

  received(bytes: Buffer, from: number, to: number): void {
    if (to > from) this.#request.receive(Buffer.from(bytes.subarray(from, to)));
  }

  receivedAll(): void {
    this.#request.receivedAll();
  }

  ended(): void {
    this.#answer.gone(this.sentEnd);
    this.#request.gone();
  }

  drained(): void {
    this.#answer.drained();
  }

  consumed(bytes: number): void {
    this.connection.consumed(this, bytes);
  }

  head(status: number, fields: readonly [string, string][], ends: boolean): void {
    if (this.over) return;
    this.connection.out.headers(this, headerBlock(status, fields), ends);
    if (ends) this.connection.finish(this);
  }

  body(bytes: Buffer): void {
    if (!this.over) this.connection.out.body(this, bytes);
  }

  end(bytes: Buffer | undefined): void {
    if (this.over) return;
    const { connection } = this;
    if (bytes !== undefined) {
      if (connection.out.last(this, bytes)) return connection.finish(this);
      connection.out.body(this, bytes);
    }
    if (this.queuedBytes > 0) this.endBlock = nothing;
    else connection.sendEnd(this, nothing);
  }

  reset(): void {
    this.connection.reset(this, errorCode.internalError);
  }

  wantDrain(): void {
    this.wantsDrain = true;
  }
}

/** HTTP over HTTP/2, for `listenHttps`. */
export const speakHttp2: SpeakHttp2 = (transport, socket, take) =>
  new HttpConnection(transport, socket, take);
