import { DecodeError } from '../scalars.ts';

/** Wire types of protobuf that Kubernetes uses; groups (3, 4) are only skipped over. */
export const wire = {
  varint: 0,
  fixed64: 1,
  bytes: 2,
  startGroup: 3,
  endGroup: 4,
  fixed32: 5,
} as const;

const maxDepth = 1_000;

/** Reads protobuf from a buffer. Every read is bounded: a malformed message ends in DecodeError. */
export class WireReader {
  readonly buffer: Buffer;
  at: number;
  end: number;

  constructor(buffer: Buffer, at = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  private byte(): number {
    if (this.at >= this.end) throw new DecodeError('unexpected EOF');
    return this.buffer[this.at++] as number;
  }

  /** Field number and wire type: `number * 8 + type`. */
  tag(): number {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw new DecodeError(`proto: illegal tag 0 (wire type ${tag & 7})`);
    return tag;
  }

  uint32(): number {
    const value = this.varint();
    if (value < 0n || value > 0xffffffffn) throw new DecodeError('proto: integer overflow');
    return Number(value);
  }

  /** A signed 64-bit integer. */
  varint(): bigint {
    let byte = this.byte();
    if (byte < 0x80) return BigInt(byte);
    let low = byte & 0x7f;
    let shift = 7;
    // Up to 28 bits fit a plain number; that is nearly all of them.
    for (; shift < 28; shift += 7) {
      byte = this.byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (; shift < 70; shift += 7) {
      byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new DecodeError('proto: integer overflow');
  }

  int32(): number {
    return Number(BigInt.asIntN(32, this.varint()));
  }

  int64(): number {
    const value = this.varint();
    const number = Number(value);
    if (!Number.isSafeInteger(number))
      throw new DecodeError(
        `the integer ${value} cannot be kept exactly: integers beyond 2^53 are not supported ` +
          'in this field',
      );
    return number;
  }

  double(): number {
    if (this.at + 8 > this.end) throw new DecodeError('unexpected EOF');
    const value = this.buffer.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  /** Length of a byte field; its bytes begin at `at`. */
  length(): number {
    const length = this.uint32();
    if (this.at + length > this.end) throw new DecodeError('unexpected EOF');
    return length;
  }

  bytes(): Buffer {
    const length = this.length();
    const out = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return out;
  }

  string(): string {
    const length = this.length();
    const text = this.buffer.toString('utf8', this.at, this.at + length);
    this.at += length;
    return text;
  }

  skip(type: number, depth = 0): void {
    if (depth > maxDepth) throw new DecodeError('proto: groups nested too deep');
    if (type === wire.varint) this.varint();
    else if (type === wire.fixed64) this.move(8);
    else if (type === wire.bytes) this.move(this.length());
    else if (type === wire.fixed32) this.move(4);
    else if (type === wire.startGroup) this.skipGroup(depth);
    else throw new DecodeError(`proto: illegal wireType ${type}`);
  }

  private skipGroup(depth: number): void {
    for (;;) {
      const type = this.tag() & 7;
      if (type === wire.endGroup) return;
      this.skip(type, depth + 1);
    }
  }

  private move(count: number): void {
    if (this.at + count > this.end) throw new DecodeError('unexpected EOF');
    this.at += count;
  }
}
