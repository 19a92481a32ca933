import {
  flag,
  frameHeaderBytes,
  frameType,
  preface,
  readU31,
  errorCode,
  H2Error,
} from './frames.ts';

/** What the reader found, in the order of the bytes. */
export interface FrameTaker {
  /** The peer's first bytes; given when they are not HTTP/2's. */
  started(firstBytes: Buffer | undefined): void;
  /** More bytes of a peer that does not speak HTTP/2. */
  foreignBytes(bytes: Buffer): void;
  /** What every frame must keep to, before its payload is there. */
  begin(type: number, length: number, id: number): void;
  dataBegins(id: number, length: number, padding: number, endStream: boolean): void;
  data(bytes: Buffer, from: number, to: number): void;
  dataEnds(endStream: boolean): void;
  /** Any other frame, whole. */
  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void;
}

/**
 * Cuts what arrives into frames, however it was cut on the way. Bodies are passed on as they come
 * and never kept; of other frames at most one is kept, until it is whole.
 */
export class FrameReader {
  readonly #to: FrameTaker;
  #greeted = 0;
  #foreign = false;
  /** A frame that is not whole yet: first its header, then all of it. */
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #part: Buffer = this.#header;
  #kept = 0;
  /** Of the DATA frame that is being read. */
  #inData = false;
  #dataLeft = 0;
  #dataFlags = 0;

  constructor(to: FrameTaker) {
    this.#to = to;
  }

  get speaksHttp2(): boolean {
    return this.#greeted === preface.length;
  }

  push(bytes: Buffer): void {
    let at = 0;
    if (this.#greeted < preface.length) {
      at = this.#greet(bytes);
      if (at < 0) return;
    }
    while (at < bytes.length) {
      if (this.#inData) at = this.#data(bytes, at);
      else if (this.#kept > 0) at = this.#more(bytes, at);
      else at = this.#frame(bytes, at);
    }
  }

  /** Where frames begin, or -1 when they do not yet. */
  #greet(bytes: Buffer): number {
    if (this.#foreign) {
      this.#to.foreignBytes(bytes);
      return -1;
    }
    const known = this.#greeted;
    for (let at = 0; at < bytes.length && this.#greeted < preface.length; at++) {
      if (bytes[at] !== preface[this.#greeted]) {
        this.#foreign = true;
        this.#greeted = 0;
        this.#to.started(Buffer.concat([preface.subarray(0, known), bytes]));
        return -1;
      }
      this.#greeted++;
    }
    if (this.#greeted < preface.length) return -1;
    this.#to.started(undefined);
    return preface.length - known;
  }

  #frame(bytes: Buffer, at: number): number {
    if (bytes.length - at < frameHeaderBytes) return this.#keep(this.#header, bytes, at);
    const length = lengthAt(bytes, at);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const id = readU31(bytes, at + 5);
    this.#to.begin(type, length, id);
    if (type === frameType.data && (flags & flag.padded) === 0)
      return this.#beginData(length, flags, id, at + frameHeaderBytes);
    const whole = frameHeaderBytes + length;
    if (bytes.length - at < whole) return this.#keep(Buffer.allocUnsafeSlow(whole), bytes, at);
    this.#whole(type, flags, id, bytes, at + frameHeaderBytes, at + whole);
    return at + whole;
  }

  #keep(part: Buffer, bytes: Buffer, at: number): number {
    this.#part = part;
    this.#kept = bytes.copy(part, 0, at);
    return bytes.length;
  }

  #more(bytes: Buffer, at: number): number {
    const took = bytes.copy(this.#part, this.#kept, at);
    this.#kept += took;
    if (this.#kept < this.#part.length) return at + took;
    const part = this.#part;
    const type = part[3] as number;
    const flags = part[4] as number;
    const id = readU31(part, 5);
    this.#kept = 0;
    if (part === this.#header) {
      const length = lengthAt(part, 0);
      this.#to.begin(type, length, id);
      if (type === frameType.data && (flags & flag.padded) === 0)
        return this.#beginData(length, flags, id, at + took);
      if (length > 0) {
        this.#part = Buffer.allocUnsafeSlow(frameHeaderBytes + length);
        this.#kept = part.copy(this.#part, 0);
        return at + took;
      }
    }
    this.#part = this.#header;
    this.#whole(type, flags, id, part, frameHeaderBytes, part.length);
    return at + took;
  }

  #whole(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (type !== frameType.data) return this.#to.frame(type, flags, id, bytes, from, to);
    // Only padded ones come here: how much is padding stands in front, and is counted as if it were
    // sent.
    const padding = from < to ? 1 + (bytes[from] as number) : Infinity;
    if (padding > to - from)
      throw new H2Error(errorCode.protocolError, 'DATA is shorter than its padding');
    this.#to.dataBegins(id, to - from, padding, (flags & flag.endStream) !== 0);
    if (to - from > padding) this.#to.data(bytes, from + 1, to - padding + 1);
    this.#to.dataEnds((flags & flag.endStream) !== 0);
  }

  #beginData(length: number, flags: number, id: number, at: number): number {
    this.#to.dataBegins(id, length, 0, (flags & flag.endStream) !== 0);
    if (length === 0) {
      this.#to.dataEnds((flags & flag.endStream) !== 0);
      return at;
    }
    this.#inData = true;
    this.#dataLeft = length;
    this.#dataFlags = flags;
    return at;
  }

  #data(bytes: Buffer, at: number): number {
    const to = Math.min(bytes.length, at + this.#dataLeft);
    this.#dataLeft -= to - at;
    this.#to.data(bytes, at, to);
    if (this.#dataLeft === 0) {
      this.#inData = false;
      this.#to.dataEnds((this.#dataFlags & flag.endStream) !== 0);
    }
    return to;
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  );
}
