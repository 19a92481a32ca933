import {
  controlFrame,
  dataFrame,
  flagFin,
  FrameParser,
  frameType,
  SpdyError,
  type Frame,
} from './frames.ts';
import { HeaderReader, HeaderWriter, type Headers } from './header-block.ts';

export interface SpdyStream {
  readonly id: number;
  readonly headers: Headers;
  /** Bytes, or undefined when the peer has ended its half. */
  onData: (data: Buffer | undefined) => void;
  /** The stream was reset or the session ended. */
  onClose: () => void;
  /** The peer has taken a stream that we opened. What is written before waits in memory. */
  onOpen: () => void;
  write(data: Uint8Array): void;
  /** Ends our half. */
  end(): void;
  reset(): void;
}

export interface SessionOptions {
  role: 'client' | 'server';
  /** Puts bytes on the transport. */
  send(bytes: Buffer): void;
  /** The peer opened a stream; set its onData here. */
  onStream(stream: SpdyStream): void;
}

/** Data is cut into frames of this size, so that streams share a connection fairly. */
const dataBytes = 32 * 1024;
const rstCancel = 5;

/**
 * One SPDY/3.1 connection. Feed it with `receive`; it throws SpdyError for a broken peer, and the
 * caller then closes the transport.
 */
export class SpdySession {
  readonly #options: SessionOptions;
  readonly #parser = new FrameParser();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  readonly #streams = new Map<number, Stream>();
  #nextId: number;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#nextId = options.role === 'client' ? 1 : 2;
  }

  receive(chunk: Buffer): void {
    if (this.#closed) return;
    for (const frame of this.#parser.push(chunk)) {
      if (frame.kind === 'data') this.#streams.get(frame.streamId)?.took(frame.data, frame.fin);
      else this.#control(frame);
    }
  }

  /**
   * Opens a stream. Its data waits for the peer's SYN_REPLY: spdystream silently drops what comes
   * before it has sent that.
   */
  open(headers: Headers): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#add(id, headers, false);
    const ids = Buffer.alloc(10);
    ids.writeUInt32BE(id, 0);
    this.#send(
      controlFrame(frameType.synStream, 0, Buffer.concat([ids, this.#writer.write(headers)])),
    );
    return stream;
  }

  /** Ends all streams; the transport is the caller's to close. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) stream.closed();
    this.#streams.clear();
  }

  #control(frame: Extract<Frame, { kind: 'control' }>): void {
    const { type, payload, flags } = frame;
    if (type === frameType.synStream) this.#accept(payload, flags);
    else if (type === frameType.synReply) this.#replied(payload, flags);
    else if (type === frameType.headers) this.#reader.read(payload.subarray(4));
    else if (type === frameType.rstStream) this.#streams.get(payload.readUInt32BE(0))?.closed();
    else if (type === frameType.ping && this.#isPeers(payload.readUInt32BE(0)))
      this.#send(controlFrame(frameType.ping, 0, Buffer.from(payload)));
  }

  #accept(payload: Buffer, flags: number): void {
    if (payload.length < 10) throw new SpdyError('short SYN_STREAM');
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = this.#reader.read(payload.subarray(10));
    const stream = this.#add(id, headers, true);
    const reply = Buffer.alloc(4);
    reply.writeUInt32BE(id, 0);
    this.#send(controlFrame(frameType.synReply, 0, Buffer.concat([reply, this.#writer.write({})])));
    this.#options.onStream(stream);
    if (flags & flagFin) stream.took(Buffer.alloc(0), true);
  }

  #replied(payload: Buffer, flags: number): void {
    this.#reader.read(payload.subarray(4));
    const stream = this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff);
    stream?.opened();
    if (flags & flagFin) stream?.took(Buffer.alloc(0), true);
  }

  #isPeers(id: number): boolean {
    return (id % 2 === 1) === (this.#options.role === 'server');
  }

  #add(id: number, headers: Headers, isOpen: boolean): Stream {
    const stream = new Stream(id, headers, isOpen, {
      send: (bytes) => this.#send(bytes),
      done: () => this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #send(bytes: Buffer): void {
    if (!this.#closed) this.#options.send(bytes);
  }
}

class Stream implements SpdyStream {
  onData: SpdyStream['onData'] = () => undefined;
  onClose: SpdyStream['onClose'] = () => undefined;
  onOpen: SpdyStream['onOpen'] = () => undefined;
  readonly id: number;
  readonly headers: Headers;
  readonly #out: { send(bytes: Buffer): void; done(): void };
  /** Frames that wait for the peer's reply; undefined once it has come. */
  #waiting: Buffer[] | undefined;
  #weEnded = false;
  #theyEnded = false;
  #gone = false;

  constructor(
    id: number,
    headers: Headers,
    isOpen: boolean,
    out: { send(bytes: Buffer): void; done(): void },
  ) {
    this.#waiting = isOpen ? undefined : [];
    this.id = id;
    this.headers = headers;
    this.#out = out;
  }

  write(data: Uint8Array): void {
    if (this.#weEnded || this.#gone) return;
    for (let at = 0; at < data.length; at += dataBytes)
      this.#send(dataFrame(this.id, data.subarray(at, at + dataBytes), false));
  }

  opened(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    for (const frame of waiting) this.#out.send(frame);
    this.onOpen();
  }

  #send(frame: Buffer): void {
    if (this.#waiting) this.#waiting.push(frame);
    else this.#out.send(frame);
  }

  end(): void {
    if (this.#weEnded || this.#gone) return;
    this.#weEnded = true;
    this.#send(dataFrame(this.id, Buffer.alloc(0), true));
    this.#finish();
  }

  reset(): void {
    if (this.#gone) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.id, 0);
    payload.writeUInt32BE(rstCancel, 4);
    this.#out.send(controlFrame(frameType.rstStream, 0, payload));
    this.closed();
  }

  took(data: Buffer, fin: boolean): void {
    if (this.#theyEnded || this.#gone) return;
    if (data.length) this.onData(data);
    if (!fin) return;
    this.#theyEnded = true;
    this.onData(undefined);
    this.#finish();
  }

  closed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#out.done();
    this.onClose();
  }

  #finish(): void {
    if (this.#weEnded && this.#theyEnded) this.closed();
  }
}
