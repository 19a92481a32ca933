/**
 * The proto3 wire: tags, varints, lengths. Kinds are those of the fact tables; `nanos` is an int64
 * kept as bigint.
 */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  field(id: number, kind: string, value: unknown): void {
    this.#varint((id << 3) | wireTypeOf(kind));
    this.scalar(kind, value);
  }

  bytes(id: number, value: Uint8Array): void {
    this.#varint((id << 3) | 2);
    this.#chunk(value);
  }

  scalar(kind: string, value: unknown): void {
    if (kind === 'string') this.#chunk(Buffer.from(value as string));
    else if (kind === 'bytes') this.#chunk(value as Uint8Array);
    else if (kind === 'double') {
      this.#room(8);
      this.#length = this.#buffer.writeDoubleLE(value as number, this.#length);
    } else if (kind === 'bool') this.#varint(value ? 1 : 0);
    else if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) this.#varint(value);
    else this.#bigVarint(BigInt.asUintN(64, BigInt(value as number | bigint)));
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #chunk(value: Uint8Array): void {
    this.#varint(value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  #varint(value: number): void {
    this.#room(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #bigVarint(value: bigint): void {
    this.#room(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

export class ProtoReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  scalar(kind: string): unknown {
    switch (kind) {
      case 'string':
        return this.#chunk().toString();
      case 'bytes':
        // a copy: the message buffer must not live as long as one field of it
        return Buffer.from(this.#chunk());
      case 'double':
        this.#need(8);
        this.#at += 8;
        return this.#bytes.readDoubleLE(this.#at - 8);
      case 'bool':
        return this.varint() !== 0;
      case 'nanos':
        return BigInt.asIntN(64, this.#bigVarint());
      case 'uint64':
        return Number(this.#bigVarint());
      case 'uint32':
        return Number(BigInt.asUintN(32, this.#bigVarint()));
      case 'int64':
        return Number(BigInt.asIntN(64, this.#bigVarint()));
      default:
        return Number(BigInt.asIntN(32, this.#bigVarint()));
    }
  }

  /** A varint of at most 32 bits: tags, lengths, booleans. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      this.#need(1);
      const byte = this.#bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('proto: varint is longer than 32 bits');
  }

  sub(): ProtoReader {
    return new ProtoReader(this.#chunk());
  }

  skip(wireType: number): void {
    if (wireType === 0) this.#bigVarint();
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 2) this.#chunk();
    else if (wireType === 5) this.#at += 4;
    else throw new RangeError(`proto: wire type ${wireType} is not proto3`);
  }

  #bigVarint(): bigint {
    let low = 0;
    let shift = 0;
    // Numbers up to 2^28 are the rule: bigint arithmetic begins only after four bytes.
    while (shift < 28) {
      this.#need(1);
      const byte = this.#bytes[this.#at++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
      shift += 7;
    }
    let value = BigInt(low);
    for (let at = 28n; at < 70n; at += 7n) {
      this.#need(1);
      const byte = this.#bytes[this.#at++]!;
      value |= BigInt(byte & 0x7f) << at;
      if (byte < 0x80) return value;
    }
    throw new RangeError('proto: varint is longer than 64 bits');
  }

  #chunk(): Buffer {
    const length = this.varint();
    this.#need(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw new RangeError('proto: message is cut short');
  }
}

function wireTypeOf(kind: string): number {
  if (kind === 'string' || kind === 'bytes') return 2;
  return kind === 'double' ? 1 : 0;
}
