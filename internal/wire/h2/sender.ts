import {
  defaultFrameBytes,
  defaultWindowBytes,
  flag,
  frameHeaderBytes,
  frameType,
  writeFrameHeader,
  writeU32,
} from './frames.ts';
import { Outbox } from './outbox.ts';
import { noBuffers, noTail, type H2Stream } from './stream.ts';
import type { Transport } from '../../io/wire-socket.ts';

/**
 * Messages up to here are copied next to their headers; a system call costs more than such a copy.
 */
const smallBytes = 8 * 1024;
/** Pieces of a waiting body from this size on are not copied. */
const referBytes = 2 * 1024;
/**
 * Written out at once when so much has gathered, so that a turn which says much does not need
 * memory for all of it.
 */
const writeAtBytes = 256 * 1024;
/** After so much the other connections of the process have their turn. */
const turnBytes = 1024 * 1024;
const prefixBytes = 5;
/** Sent parts of a queue are cut off when there are so many of them, and half of it. */
const compactAt = 64;
/** The largest block for small messages that wait. */
const tailBytes = 32 * 1024;
const noBytes = new Uint8Array(0);

/**
 * The sending half of a connection: frames of a turn gather and leave in one write; bodies wait for
 * windows and take turns.
 */
export class FrameSender {
  readonly #transport: Transport;
  readonly #outbox = new Outbox();
  /** The peer's SETTINGS. */
  initialWindow = defaultWindowBytes;
  frameBytes = defaultFrameBytes;
  /** What all streams together may still send. */
  window = defaultWindowBytes;
  /** The kernel has not taken everything; nothing more is handed to it until it has. */
  blocked = false;
  /** Bytes of bodies that wait for windows or the kernel. */
  waitingBytes = 0;
  /** A head or a body went out since somebody set this to false. */
  moved = false;
  #scheduled = false;
  #ending = false;
  #line: H2Stream[] = [];
  /**
   * The DATA frame that was written last, which may still grow: its stream, where it begins, and
   * where it ends.
   */
  #openStream: H2Stream | undefined = undefined;
  #openBuffer: Buffer | undefined = undefined;
  #openAt = 0;
  #openEnd = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes that the kernel was not given yet, bodies that wait for windows not counted. */
  get bytes(): number {
    return this.#outbox.bytes;
  }

  /** Whether any body waits. */
  get waits(): boolean {
    return this.#line.length > 0;
  }

  /** A small frame of its own: settings, pings, windows, resets. */
  control(type: number, flags: number, streamId: number, payload: Buffer): void {
    const box = this.#outbox;
    box.room(frameHeaderBytes + payload.length);
    writeFrameHeader(box.buffer, box.at, payload.length, type, flags, streamId);
    box.buffer.set(payload, box.at + frameHeaderBytes);
    box.at += frameHeaderBytes + payload.length;
    this.wake();
  }

  /** A control frame whose payload is one number. */
  number(type: number, streamId: number, value: number): void {
    const box = this.#outbox;
    box.room(frameHeaderBytes + 4);
    writeFrameHeader(box.buffer, box.at, 4, type, 0, streamId);
    writeU32(box.buffer, box.at + frameHeaderBytes, value);
    box.at += frameHeaderBytes + 4;
    this.wake();
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    const payload = Buffer.alloc(pairs.length * 6);
    pairs.forEach(([id, value], i) => {
      payload.writeUInt16BE(id, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    });
    this.control(frameType.settings, 0, 0, payload);
  }

  goAway(lastId: number, code: number, text: string): void {
    const debug = Buffer.from(text, 'latin1');
    const payload = Buffer.alloc(8 + debug.length);
    writeU32(payload, 0, lastId);
    writeU32(payload, 4, code);
    debug.copy(payload, 8);
    this.control(frameType.goAway, 0, 0, payload);
  }

  /** HEADERS, in as many frames as the peer's limit asks for. */
  headers(stream: H2Stream, block: Buffer, end: boolean): void {
    this.moved = true;
    if (block.length <= this.frameBytes)
      return this.control(
        frameType.headers,
        flag.endHeaders | (end ? flag.endStream : 0),
        stream.id,
        block,
      );
    for (let at = 0; at < block.length; at += this.frameBytes) {
      const last = at + this.frameBytes >= block.length ? flag.endHeaders : 0;
      this.control(
        at === 0 ? frameType.headers : frameType.continuation,
        last | (at === 0 && end ? flag.endStream : 0),
        stream.id,
        block.subarray(at, at + this.frameBytes),
      );
    }
  }

  /** One gRPC message, in pieces that follow each other and must not change any more. */
  message(stream: H2Stream, first: Buffer, rest: Buffer[] | undefined): void {
    let size = first.length;
    if (rest !== undefined) for (const part of rest) size += part.length;
    const total = prefixBytes + size;
    if (
      stream.queuedBytes > 0 ||
      this.blocked ||
      total > smallBytes ||
      total > this.window ||
      total > stream.sendWindow
    ) {
      return this.#enqueueMessage(stream, first, rest, size);
    }
    this.moved = true;
    this.window -= total;
    stream.sendWindow -= total;
    const at = this.#openData(stream, total);
    const box = this.#outbox;
    writeMessage(box.buffer, at, first, rest, size);
    if (box.bytes >= writeAtBytes) this.#writeOut();
    else this.wake();
  }

  /** The last bytes of a body, when they are few and can go at once; false when they have to wait. */
  last(stream: H2Stream, bytes: Buffer): boolean {
    const size = bytes.length;
    if (
      stream.queuedBytes > 0 ||
      this.blocked ||
      size > smallBytes ||
      size > this.window ||
      size > stream.sendWindow
    )
      return false;
    this.moved = true;
    this.window -= size;
    stream.sendWindow -= size;
    const box = this.#outbox;
    box.room(frameHeaderBytes + size);
    writeFrameHeader(box.buffer, box.at, size, frameType.data, flag.endStream, stream.id);
    box.buffer.set(bytes, box.at + frameHeaderBytes);
    box.at += frameHeaderBytes + size;
    if (box.bytes >= writeAtBytes) this.#writeOut();
    else this.wake();
    return true;
  }

  /** Bytes of a body that is no gRPC message. */
  body(stream: H2Stream, bytes: Buffer): void {
    this.#enqueue(stream, bytes);
    this.queue(stream);
  }

  /** Puts a stream that has something to send into the line. */
  queue(stream: H2Stream): void {
    if (!stream.inLine) {
      stream.inLine = true;
      this.#line.push(stream);
    }
    this.wake();
  }

  /** Nothing of it will be sent. */
  drop(stream: H2Stream): void {
    this.waitingBytes -= stream.queuedBytes;
    stream.queue = noBuffers;
    stream.first = 0;
    stream.offset = 0;
    stream.queuedBytes = 0;
    stream.tail = noTail;
    stream.tailFrom = 0;
    stream.tailAt = 0;
  }

  /** The connection ends when everything is written; what waits for windows is not. */
  end(): void {
    this.#ending = true;
    this.#line = [];
    this.flush();
  }

  flush(): void {
    this.#scheduled = false;
    let most = turnBytes;
    for (;;) {
      if (!this.blocked) this.#moveLine();
      const bytes = this.#outbox.bytes;
      if (bytes > 0 && !this.blocked) this.#writeOut();
      most -= bytes;
      if (this.blocked || !this.#canMove()) break;
      if (most <= 0) {
        this.#scheduled = true;
        this.#transport.scheduleLater();
        break;
      }
    }
    if (this.#ending && this.#outbox.bytes === 0) this.#transport.end();
  }

  /** The kernel took everything it was given. */
  unblock(): void {
    this.blocked = false;
    this.#outbox.returned();
    this.flush();
  }

  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#transport.schedule();
  }

  #writeOut(): void {
    const gone = this.#transport.write(this.#outbox.take());
    if (gone) this.#outbox.recycle();
    else this.#outbox.lend();
    this.blocked = !gone;
    this.#openStream = undefined;
  }

  #enqueueMessage(stream: H2Stream, first: Buffer, rest: Buffer[] | undefined, size: number): void {
    if (size <= smallBytes) {
      writeMessage(this.#tail(stream, prefixBytes + size), stream.tailAt, first, rest, size);
      stream.tailAt += prefixBytes + size;
      stream.queuedBytes += prefixBytes + size;
      this.waitingBytes += prefixBytes + size;
    } else {
      const prefix = this.#tail(stream, prefixBytes);
      writeMessage(prefix, stream.tailAt, noBytes, undefined, size);
      stream.tailAt += prefixBytes;
      stream.queuedBytes += prefixBytes;
      this.waitingBytes += prefixBytes;
      this.#enqueue(stream, first);
      if (rest !== undefined) for (const part of rest) this.#enqueue(stream, part);
    }
    this.queue(stream);
  }

  /**
   * A block with room at `tailAt`, so that many small messages that wait are few pieces. It grows
   * with what waits.
   */
  #tail(stream: H2Stream, size: number): Buffer {
    if (stream.tailAt + size <= stream.tail.length) return stream.tail;
    this.#seal(stream);
    stream.tail = Buffer.allocUnsafeSlow(Math.max(size, Math.min(tailBytes, stream.queuedBytes)));
    stream.tailFrom = 0;
    stream.tailAt = 0;
    return stream.tail;
  }

  /** Puts what was written into the tail into the queue; the room behind it stays in use. */
  #seal(stream: H2Stream): void {
    if (stream.tailAt === stream.tailFrom) return;
    if (stream.queue === noBuffers) stream.queue = [];
    stream.queue.push(stream.tail.subarray(stream.tailFrom, stream.tailAt));
    stream.tailFrom = stream.tailAt;
  }

  #enqueue(stream: H2Stream, bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#seal(stream);
    if (stream.queue === noBuffers) stream.queue = [];
    stream.queue.push(bytes);
    stream.queuedBytes += bytes.length;
    this.waitingBytes += bytes.length;
  }

  /**
   * Room for `size` bytes of DATA, in the frame that was written last when it is of this stream;
   * tells where.
   */
  #openData(stream: H2Stream, size: number): number {
    const box = this.#outbox;
    const open =
      this.#openStream === stream && this.#openEnd === box.at && this.#openBuffer === box.buffer;
    const length = this.#openEnd - this.#openAt - frameHeaderBytes + size;
    if (open && length <= this.frameBytes && box.at + size <= box.buffer.length) {
      const at = box.at;
      box.at += size;
      this.#openEnd = box.at;
      writeFrameHeader(box.buffer, this.#openAt, length, frameType.data, 0, stream.id);
      return at;
    }
    box.room(frameHeaderBytes + size);
    this.#openStream = stream;
    this.#openBuffer = box.buffer;
    this.#openAt = box.at;
    writeFrameHeader(box.buffer, box.at, size, frameType.data, 0, stream.id);
    box.at += frameHeaderBytes + size;
    this.#openEnd = box.at;
    return this.#openAt + frameHeaderBytes;
  }

  #canMove(): boolean {
    return (
      this.#line.length > 0 &&
      (this.window > 0 || this.#line.some((stream) => stream.queuedBytes === 0))
    );
  }

  /**
   * One frame of each stream in turn. Streams whose own window is shut leave the line until it
   * opens.
   */
  #moveLine(): void {
    const box = this.#outbox;
    const waiting: H2Stream[] = [];
    while (this.#line.length > 0 && box.bytes < writeAtBytes) {
      const stream = this.#line.shift() as H2Stream;
      if (stream.over) {
        stream.inLine = false;
      } else if (stream.queuedBytes > 0 && this.window <= 0) {
        waiting.push(stream);
      } else {
        if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.#dataFrame(stream);
        if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.#line.push(stream);
        else stream.inLine = false;
        if (stream.queuedBytes === 0) this.#emptied(stream);
      }
    }
    if (waiting.length > 0) this.#line = [...waiting, ...this.#line];
  }

  #emptied(stream: H2Stream): void {
    if (stream.endBlock !== undefined) return stream.connection.sendEnd(stream, stream.endBlock);
    if (!stream.wantsDrain) return;
    stream.wantsDrain = false;
    stream.drained();
  }

  #dataFrame(stream: H2Stream): void {
    this.#seal(stream);
    let size = Math.min(stream.queuedBytes, stream.sendWindow, this.window, this.frameBytes);
    this.moved = true;
    this.window -= size;
    stream.sendWindow -= size;
    stream.queuedBytes -= size;
    this.waitingBytes -= size;
    const box = this.#outbox;
    box.room(frameHeaderBytes);
    writeFrameHeader(box.buffer, box.at, size, frameType.data, 0, stream.id);
    box.at += frameHeaderBytes;
    while (size > 0) {
      const part = stream.queue[stream.first] as Buffer;
      const take = Math.min(size, part.length - stream.offset);
      if (take < referBytes) {
        box.room(take);
        part.copy(box.buffer, box.at, stream.offset, stream.offset + take);
        box.at += take;
      } else {
        box.refer(take === part.length ? part : part.subarray(stream.offset, stream.offset + take));
      }
      size -= take;
      stream.offset += take;
      if (stream.offset === part.length) {
        stream.offset = 0;
        stream.first++;
      }
    }
    if (stream.queuedBytes === 0) this.drop(stream);
    else if (stream.first >= compactAt && stream.first * 2 >= stream.queue.length) {
      stream.queue.splice(0, stream.first);
      stream.first = 0;
    }
  }
}

/** The five bytes before each gRPC message (not compressed, its length), and the message. */
function writeMessage(
  into: Buffer,
  at: number,
  first: Uint8Array,
  rest: Buffer[] | undefined,
  size: number,
): void {
  into[at] = 0;
  writeU32(into, at + 1, size);
  let to = at + prefixBytes;
  into.set(first, to);
  if (rest === undefined) return;
  to += first.length;
  for (const part of rest) {
    into.set(part, to);
    to += part.length;
  }
}
