import { FrameReader, type FrameTaker } from './reader.ts';
import { ClosedStreams } from './closed-streams.ts';
import {
  errorCode,
  flag,
  frameType,
  H2Error,
  largestFrameBytes,
  defaultFrameBytes,
  defaultWindowBytes,
  largestWindowBytes,
  readU31,
  readU32,
  setting,
} from './frames.ts';
import { RequestHead } from './head.ts';
import { HeaderBlock } from './header-block.ts';
import { HpackDecoder } from './hpack.ts';
import { defaultLimits, type H2Limits } from './limits.ts';
import { Patience } from './patience.ts';
import { FrameSender } from './sender.ts';
import type { H2Stream, StreamOwner } from './stream.ts';
import type { Transport, WireProtocol } from '../../io/wire-socket.ts';

const noPayload = Buffer.alloc(0);

/**
 * A server's side of one HTTP/2 connection (RFC 9113). Bytes in by `receive`, bytes out through the
 * transport.
 */
export abstract class H2Connection implements WireProtocol, FrameTaker, StreamOwner {
  readonly out: FrameSender;
  readonly streams = new Map<number, H2Stream>();
  /** Handlers at work whose stream is gone. */
  orphans = 0;
  readonly #transport: Transport;
  readonly #reader: FrameReader;
  readonly #hpack = new HpackDecoder();
  readonly #head: RequestHead;
  readonly #closed = new ClosedStreams();
  #lastId = 0;
  /** The stream whose DATA is being read. */
  #dataStream: H2Stream | undefined = undefined;
  readonly #block = new HeaderBlock();
  readonly #patience: Patience;
  #receiveWindow = defaultWindowBytes;
  #unreturned = 0;
  #peerLeaves = false;
  #leaving = false;
  #graceful = false;
  #over = false;
  #paused = false;

  constructor(
    transport: Transport,
    limits: H2Limits = defaultLimits,
    head: RequestHead = new RequestHead(),
  ) {
    this.#transport = transport;
    this.#patience = new Patience(limits);
    this.#head = head;
    this.out = new FrameSender(transport);
    this.#reader = new FrameReader(this);
  }

  get limits(): H2Limits {
    return this.#patience.limits;
  }

  /**
   * A request whose head is whole and well formed; answers with what will take the rest of it.
   * `head` is lent.
   */
  protected abstract accept(id: number, head: RequestHead): H2Stream;

  /** The connection does not speak HTTP/2: all of it goes here. */
  protected foreign(_bytes: Buffer): void {
    throw new H2Error(errorCode.protocolError, 'the client does not speak HTTP/2');
  }

  receive(bytes: Buffer, nowMs: number): void {
    if (this.#over) return;
    this.#patience.passed(nowMs);
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof H2Error)) throw error;
      this.#sayGoodbye(error.code, error.message);
    }
    if (this.out.blocked && !this.#paused && this.out.bytes > this.limits.unreadBytes) {
      this.#paused = true;
      this.#transport.pause();
    }
  }

  flush(): void {
    this.out.flush();
  }

  unblocked(): void {
    this.out.unblock();
    if (!this.#paused || this.out.blocked) return;
    this.#paused = false;
    this.#transport.resume();
  }

  lost(): void {
    this.#over = true;
    this.#endAll();
  }

  close(): void {
    if (!this.#over) this.#sayGoodbye(errorCode.noError, '');
  }

  /** Says that no more streams are taken, and closes when those that there are have ended. */
  leave(): void {
    if (this.#over || this.#leaving) return;
    this.#leaving = true;
    this.#graceful = true;
    this.#goAway(errorCode.noError, '');
    this.#leaveIfDone();
  }

  /** A client that is known by now: it may do more. */
  protected widen(limits: H2Limits): void {
    const before = this.limits;
    this.#patience.limits = limits;
    if (this.#over) return;
    this.out.settings([[setting.maxConcurrentStreams, limits.streams]]);
    const more = limits.connectionWindowBytes - before.connectionWindowBytes;
    if (more <= 0) return;
    this.#receiveWindow += more;
    this.out.number(frameType.windowUpdate, 0, more);
  }

  /** The request whose head is being accepted has no body. */
  protected get endsAtOnce(): boolean {
    return this.#block.ends;
  }

  /** Somebody has taken so many bytes of a stream that holds its window. */
  consumed(stream: H2Stream, bytes: number): void {
    if (stream.over || bytes <= 0) return;
    stream.kept -= bytes;
    this.#takeBack(bytes, stream);
  }

  /**
   * The last frame of a stream: trailers, or an empty body when there are none. A peer that has
   * more to send is told to keep it.
   */
  sendEnd(stream: H2Stream, block: Buffer): void {
    if (stream.over) return;
    if (block.length === 0) this.out.control(frameType.data, flag.endStream, stream.id, noPayload);
    else this.out.headers(stream, block, true);
    this.finish(stream);
  }

  /** After END_STREAM was sent. */
  finish(stream: H2Stream): void {
    stream.sentEnd = true;
    if (!stream.remoteDone) this.#endBody(stream);
    this.#forget(stream);
  }

  /** The stream was answered, and the rest of its body is not wanted. */
  #endBody({ id, drains, receiveWindow }: H2Stream): void {
    if (!drains) return this.#sendReset(id, errorCode.noError);
    this.#closed.drain(id, receiveWindow);
    this.#transport.later(() => {
      if (this.#closed.drains(id) && !this.#over) this.#sendReset(id, errorCode.noError);
    });
  }

  reset(stream: H2Stream, code: number): void {
    if (stream.over) return;
    this.#sendReset(stream.id, code);
    this.#forget(stream);
  }

  // What the reader found, in the order of the bytes.

  started(firstBytes: Buffer | undefined): void {
    if (firstBytes !== undefined) return this.foreign(firstBytes);
    const { limits } = this;
    this.out.settings([
      [setting.maxConcurrentStreams, limits.streams],
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.maxHeaderListSize, limits.headerBytes],
    ]);
    this.#receiveWindow = limits.connectionWindowBytes;
    const more = limits.connectionWindowBytes - defaultWindowBytes;
    if (more > 0) this.out.number(frameType.windowUpdate, 0, more);
  }

  foreignBytes(bytes: Buffer): void {
    this.foreign(bytes);
  }

  /** What every frame must keep to, before its payload is there. */
  begin(type: number, length: number, id: number): void {
    if (length > defaultFrameBytes)
      throw new H2Error(errorCode.frameSizeError, `a frame of ${length} bytes`);
    if (this.#block.isBrokenBy(type, id))
      throw new H2Error(errorCode.protocolError, 'a header block that is not in one piece');
  }

  /** A DATA frame begins: `length` bytes of flow control, of which `padding` are not the body's. */
  dataBegins(id: number, length: number, padding: number, endStream: boolean): void {
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0)
      throw new H2Error(errorCode.flowControlError, 'more data than the connection takes');
    const stream = this.#started(id, 'DATA');
    if (length - padding === 0 && !endStream) this.#patience.idle();
    this.#dataStream = undefined;
    if (stream === undefined || stream.remoteDone) {
      if (stream !== undefined) this.#mistake(stream, errorCode.streamClosed);
      else if (this.#closed.took(id, length)) this.#sendReset(id, errorCode.streamClosed);
      return this.#takeBack(length, undefined);
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.#mistake(stream, errorCode.flowControlError);
      return this.#takeBack(length, undefined);
    }
    if (stream.contentLeft !== undefined) {
      stream.contentLeft -= length - padding;
      if (stream.contentLeft < 0) {
        this.#mistake(stream, errorCode.protocolError);
        return this.#takeBack(length, undefined);
      }
    }
    this.#dataStream = stream;
    if (stream.holdsWindow) stream.kept += length - padding;
    this.#takeBack(stream.holdsWindow ? padding : length, stream);
  }

  data(bytes: Buffer, from: number, to: number): void {
    const stream = this.#dataStream;
    if (stream !== undefined && !stream.over) stream.received(bytes, from, to);
  }

  dataEnds(endStream: boolean): void {
    const stream = this.#dataStream;
    if (!endStream || stream === undefined || stream.over) return;
    this.#receivedAll(stream);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case frameType.headers:
        return this.#headers(flags, id, bytes, from, to);
      case frameType.continuation:
        return this.#continuation(flags, bytes, from, to);
      case frameType.rstStream:
        return this.#resetByPeer(id, to - from);
      case frameType.windowUpdate:
        return this.#windowUpdate(id, bytes, from, to);
      case frameType.settings:
        return this.#settings(flags, id, bytes, from, to);
      case frameType.ping:
        return this.#ping(flags, id, bytes, from, to);
      case frameType.goAway:
        if (id !== 0) throw new H2Error(errorCode.protocolError, 'GOAWAY on a stream');
        if (to - from < 8) throw new H2Error(errorCode.frameSizeError, 'GOAWAY is too short');
        this.#peerLeaves = true;
        return this.#leaveIfDone();
      case frameType.priority:
        return this.#priority(id, bytes, from, to);
      case frameType.pushPromise:
        throw new H2Error(errorCode.protocolError, 'a client promised a push');
      default:
        this.#patience.idle(); // extensions are ignored (section 5.5)
    }
  }

  #headers(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const block = this.#block;
    if (block.begin(flags, id, bytes, from, to, this.limits.headerBytes)) this.#blockDone();
    const stream = block.selfDependent ? this.streams.get(id) : undefined;
    if (stream) this.#mistake(stream, errorCode.protocolError);
  }

  #continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    if (from === to) this.#patience.idle();
    if (this.#block.goOn(flags, bytes, from, to, this.limits.headerBytes)) this.#blockDone();
  }

  #blockDone(): void {
    const { bytes, from, to, ends } = this.#block;
    const id = this.#block.done();
    const head = this.#head.clear();
    // Every block is decoded, wanted or not: the next one depends on it.
    this.#hpack.decode(bytes, from, to, head);
    if (id > this.#lastId) return this.#open(id, head);
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.#closed.has(id)) return;
      throw new H2Error(errorCode.streamClosed, `HEADERS on stream ${id}, which is closed`);
    }
    if (stream.remoteDone) return this.#mistake(stream, errorCode.streamClosed);
    if (!ends || !head.isTrailers) return this.#mistake(stream, errorCode.protocolError);
    this.#receivedAll(stream);
  }

  #open(id: number, head: RequestHead): void {
    this.#lastId = id;
    if (this.#leaving) return;
    this.#patience.idle();
    if (head.bytes > this.limits.headerBytes) return this.#sendReset(id, errorCode.enhanceYourCalm);
    if (!head.isRequest) return this.#sendReset(id, errorCode.protocolError);
    if (
      this.streams.size + this.orphans + this.#closed.draining >= this.limits.streams ||
      this.out.waitingBytes > this.limits.waitingBytes
    )
      return this.#sendReset(id, errorCode.refusedStream);
    const { ends } = this.#block;
    const contentLeft = head.contentLength < 0 ? undefined : head.contentLength;
    if (ends && contentLeft) return this.#sendReset(id, errorCode.protocolError);
    const stream = this.accept(id, head);
    if (stream.over) return;
    stream.contentLeft = contentLeft;
    // Known before its answer, which may come at once.
    stream.remoteDone = ends;
    this.streams.set(id, stream);
    this.#patience.call();
    stream.opened();
    if (ends && !stream.over) stream.receivedAll();
  }

  #receivedAll(stream: H2Stream): void {
    stream.remoteDone = true;
    if (stream.contentLeft !== undefined && stream.contentLeft !== 0)
      return this.#mistake(stream, errorCode.protocolError);
    stream.receivedAll();
  }

  #resetByPeer(id: number, length: number): void {
    if (length !== 4) throw new H2Error(errorCode.frameSizeError, 'RST_STREAM of a wrong size');
    const stream = this.#started(id, 'RST_STREAM');
    this.#patience.idle();
    if (!stream) return this.#closed.end(id);
    this.#patience.reset();
    this.#forget(stream);
  }

  #windowUpdate(id: number, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4)
      throw new H2Error(errorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    const more = readU31(bytes, from);
    const { out } = this;
    if (id === 0) {
      if (more === 0) throw new H2Error(errorCode.protocolError, 'WINDOW_UPDATE by nothing');
      if (out.window + more > largestWindowBytes)
        throw new H2Error(errorCode.flowControlError, 'the window is too large');
      out.window += more;
      if (out.waits) out.wake();
      return;
    }
    const stream = this.#started(id, 'WINDOW_UPDATE');
    if (stream === undefined) return;
    if (more === 0) return this.#mistake(stream, errorCode.protocolError);
    if (stream.sendWindow + more > largestWindowBytes)
      return this.#mistake(stream, errorCode.flowControlError);
    stream.sendWindow += more;
    if (stream.queuedBytes > 0) out.queue(stream);
  }

  #settings(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (id !== 0) throw new H2Error(errorCode.protocolError, 'SETTINGS on a stream');
    this.#patience.idle();
    if ((flags & flag.ack) !== 0) {
      if (from !== to)
        throw new H2Error(errorCode.frameSizeError, 'an acknowledgement with settings');
      return;
    }
    if ((to - from) % 6 !== 0)
      throw new H2Error(errorCode.frameSizeError, 'SETTINGS of a wrong size');
    for (let at = from; at < to; at += 6)
      this.#set(((bytes[at] as number) << 8) | (bytes[at + 1] as number), readU32(bytes, at + 2));
    this.out.control(frameType.settings, flag.ack, 0, noPayload);
  }

  #set(id: number, value: number): void {
    if (id === setting.enablePush && value > 1)
      throw new H2Error(errorCode.protocolError, 'ENABLE_PUSH is 0 or 1');
    if (id === setting.maxFrameSize) {
      if (value < defaultFrameBytes || value > largestFrameBytes)
        throw new H2Error(errorCode.protocolError, `MAX_FRAME_SIZE of ${value}`);
    }
    if (id !== setting.initialWindowSize) return;
    if (value > largestWindowBytes)
      throw new H2Error(errorCode.flowControlError, 'INITIAL_WINDOW_SIZE is too large');
    const change = value - this.out.initialWindow;
    this.out.initialWindow = value;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > largestWindowBytes)
        throw new H2Error(errorCode.flowControlError, 'a window is too large');
      if (change > 0 && stream.queuedBytes > 0) this.out.queue(stream);
    }
  }

  #ping(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (id !== 0) throw new H2Error(errorCode.protocolError, 'PING on a stream');
    if (to - from !== 8) throw new H2Error(errorCode.frameSizeError, 'PING of a wrong size');
    // Go's clients measure the way with a ping while we send; only pings without that are idle.
    if (!this.out.moved) this.#patience.idle();
    this.out.moved = false;
    if ((flags & flag.ack) === 0)
      this.out.control(frameType.ping, flag.ack, 0, bytes.subarray(from, to));
  }

  #priority(id: number, bytes: Buffer, from: number, to: number): void {
    if (id === 0) throw new H2Error(errorCode.protocolError, 'PRIORITY of no stream');
    this.#patience.idle();
    const code = to - from === 5 ? errorCode.protocolError : errorCode.frameSizeError;
    if (to - from === 5 && readU31(bytes, from) !== id) return;
    const stream = this.streams.get(id);
    if (stream) this.#mistake(stream, code);
    else this.#sendReset(id, code);
  }

  /** The stream, undefined when it is over; streams that never began are a fault. */
  #started(id: number, what: string): H2Stream | undefined {
    if (id === 0 || (id & 1) === 0 || id > this.#lastId)
      throw new H2Error(errorCode.protocolError, `${what} on stream ${id}`);
    return this.streams.get(id);
  }

  /** Gives windows back in large steps, so that a call needs no frame of its own for it. */
  #takeBack(bytes: number, stream: H2Stream | undefined): void {
    this.#unreturned += bytes;
    if (this.#unreturned >= this.limits.connectionWindowBytes / 2) {
      this.out.number(frameType.windowUpdate, 0, this.#unreturned);
      this.#receiveWindow += this.#unreturned;
      this.#unreturned = 0;
    }
    if (stream === undefined) return;
    stream.unreturned += bytes;
    if (stream.unreturned < this.limits.streamWindowBytes / 2) return;
    this.out.number(frameType.windowUpdate, stream.id, stream.unreturned);
    stream.receiveWindow += stream.unreturned;
    stream.unreturned = 0;
  }

  /** The client did what it must not with a stream. */
  #mistake(stream: H2Stream, code: number): void {
    if (stream.over) return;
    this.#patience.reset();
    this.reset(stream, code);
  }

  #sendReset(id: number, code: number): void {
    this.#closed.reset(id);
    this.out.number(frameType.rstStream, id, code);
  }

  #forget(stream: H2Stream): void {
    if (stream.over) return;
    stream.over = true;
    this.out.drop(stream);
    this.streams.delete(stream.id);
    if (stream.kept > 0) this.#takeBack(stream.kept, undefined);
    stream.ended();
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#over || this.streams.size > 0) return;
    if (this.#graceful) {
      this.#over = true;
      this.out.end();
    } else if (this.#peerLeaves) this.#sayGoodbye(errorCode.noError, '');
  }

  #sayGoodbye(code: number, text: string): void {
    this.#leaving = true;
    this.#over = true;
    this.#goAway(code, text);
    this.#endAll();
    this.out.end();
  }

  #goAway(code: number, text: string): void {
    if (this.#reader.speaksHttp2) this.out.goAway(this.#lastId, code, text);
  }

  #endAll(): void {
    const open = [...this.streams.values()];
    this.streams.clear();
    for (const stream of open) {
      if (stream.over) continue;
      stream.over = true;
      this.out.drop(stream);
      stream.ended();
    }
  }
}
