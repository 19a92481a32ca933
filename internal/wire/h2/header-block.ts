import { errorCode, flag, frameType, H2Error, readU31 } from './frames.ts';

/** Cuts the header blocks out of HEADERS and CONTINUATION, and keeps one until it is whole. */
export class HeaderBlock {
  /** The stream whose block is not whole yet; 0 = none. */
  stream = 0;
  /** The block is the last that its stream sends. */
  ends = false;
  /** Its stream is said to depend on itself (RFC 7540 section 5.3.1). */
  selfDependent = false;
  /** Where the whole block is. */
  bytes: Buffer;
  from = 0;
  to = 0;
  readonly #none = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #size = 0;

  constructor() {
    this.bytes = this.#none;
  }

  /** Whether a frame must not come now: a block is in one piece, with nothing in between. */
  isBrokenBy(type: number, id: number): boolean {
    const goesOn = type === frameType.continuation;
    return this.stream === 0 ? goesOn : !goesOn || id !== this.stream;
  }

  /** HEADERS; true when the block is whole with them. */
  begin(flags: number, id: number, bytes: Buffer, from: number, to: number, most: number): boolean {
    if ((id & 1) === 0) throw new H2Error(errorCode.protocolError, `HEADERS on stream ${id}`);
    let start = from;
    let end = to;
    if ((flags & flag.padded) !== 0) end -= bytes[start++] ?? 0;
    const hasPriority = (flags & flag.priority) !== 0;
    this.selfDependent = hasPriority && start + 4 <= to && readU31(bytes, start) === id;
    if (hasPriority) start += 5;
    if (start > end)
      throw new H2Error(errorCode.protocolError, 'HEADERS are shorter than their padding');
    this.stream = id;
    this.ends = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) === 0) {
      this.#keep(bytes, start, end, most);
      return false;
    }
    this.bytes = bytes;
    this.from = start;
    this.to = end;
    return true;
  }

  /** CONTINUATION; true when the block is whole with it. */
  goOn(flags: number, bytes: Buffer, from: number, to: number, most: number): boolean {
    this.#keep(bytes, from, to, most);
    if ((flags & flag.endHeaders) === 0) return false;
    this.bytes = Buffer.concat(this.#parts);
    this.from = 0;
    this.to = this.bytes.length;
    this.#parts = [];
    this.#size = 0;
    return true;
  }

  /** The block was decoded; tells of which stream it was. */
  done(): number {
    const { stream } = this;
    this.stream = 0;
    this.bytes = this.#none;
    return stream;
  }

  #keep(bytes: Buffer, from: number, to: number, most: number): void {
    this.#size += to - from;
    if (this.#size > most)
      throw new H2Error(errorCode.enhanceYourCalm, 'a header block without end');
    this.#parts.push(Buffer.from(bytes.subarray(from, to)));
  }
}
