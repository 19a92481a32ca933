/**
 * Writes protobuf from the end to the start, as gogo does: when a message is finished its length is
 * known, and nothing is copied. Callers write fields in descending order of number.
 */
export class WireWriter {
  private buffer: Buffer;
  /** First byte that is written. */
  private at: number;

  constructor(size = 1024) {
    this.buffer = Buffer.allocUnsafe(size);
    this.at = size;
  }

  /** A mark to measure from: bytes written so far. */
  get mark(): number {
    return this.buffer.length - this.at;
  }

  private room(count: number): void {
    if (this.at >= count) return;
    const used = this.buffer.length - this.at;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, used + count));
    this.buffer.copy(larger, larger.length - used, this.at);
    this.buffer = larger;
    this.at = larger.length - used;
  }

  varint(value: number): void {
    if (value < 0 || value > 0x7fffffff) return this.bigVarint(BigInt(value));
    let size = 1;
    for (let rest = value >>> 7; rest; rest >>>= 7) size++;
    this.room(size);
    this.at -= size;
    let at = this.at;
    for (; value > 0x7f; value >>>= 7) this.buffer[at++] = (value & 0x7f) | 0x80;
    this.buffer[at] = value;
  }

  /** Negative numbers take ten bytes, as two's complement of 64 bits. */
  bigVarint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    const bytes: number[] = [];
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.room(bytes.length);
    this.at -= bytes.length;
    for (let i = 0; i < bytes.length; i++) this.buffer[this.at + i] = bytes[i] as number;
  }

  tag(number: number, type: number): void {
    this.varint(number * 8 + type);
  }

  double(value: number): void {
    this.room(8);
    this.at -= 8;
    this.buffer.writeDoubleLE(value, this.at);
  }

  bytes(value: Uint8Array): void {
    this.room(value.length);
    this.at -= value.length;
    this.buffer.set(value, this.at);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.room(length);
    this.at -= length;
    this.buffer.write(value, this.at, 'utf8');
  }

  stringField(number: number, value: string): void {
    const mark = this.mark;
    this.text(value);
    this.close(number, mark);
  }

  bytesField(number: number, value: Uint8Array): void {
    this.bytes(value);
    this.varint(value.length);
    this.tag(number, 2);
  }

  varintField(number: number, value: number): void {
    this.varint(value);
    this.tag(number, 0);
  }

  /** Ends a length-delimited field that began at `mark`. */
  close(number: number, mark: number): void {
    this.varint(this.mark - mark);
    this.tag(number, 2);
  }

  /** What was written. The writer is done with. */
  result(): Buffer {
    return this.buffer.subarray(this.at);
  }
}
