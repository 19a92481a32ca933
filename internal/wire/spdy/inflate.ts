import { SpdyError } from './frames.ts';

/**
 * Inflate (RFC 1950, 1951) for a zlib stream that arrives in pieces, each ending at a byte (a sync
 * flush), with a preset dictionary. node:zlib can only do this asynchronously, which would need a
 * queue in front of every frame.
 */
export class SyncInflate {
  readonly #dictionary: Buffer;
  /** The last 32 KB of output, which copies may reach back into. */
  #window: Buffer;
  #started = false;

  constructor(dictionary: Buffer) {
    this.#dictionary = dictionary;
    this.#window = Buffer.alloc(0);
  }

  /**
   * The bytes that a whole piece inflates to. Throws SpdyError for broken data and for more than
   * `most` bytes.
   */
  read(piece: Buffer, most: number): Buffer {
    const bits = new Bits(piece);
    if (!this.#started) this.#start(bits);
    const out = new Output(this.#window, most);
    while (!bits.done()) {
      bits.take(1); // BFINAL says nothing in a stream that is flushed
      const type = bits.take(2);
      if (type === 0) stored(bits, out);
      else if (type === 1) blocks(bits, out, fixedLiterals, fixedDistances);
      else if (type === 2) dynamic(bits, out);
      else throw new SpdyError('reserved deflate block');
    }
    const all = out.all();
    this.#window = all.subarray(Math.max(0, all.length - 32768));
    return all.subarray(out.start);
  }

  #start(bits: Bits): void {
    const method = bits.take(8);
    const flags = bits.take(8);
    if ((method & 15) !== 8 || (method * 256 + flags) % 31 !== 0)
      throw new SpdyError('not a zlib stream');
    if (flags & 0x20) {
      for (let i = 0; i < 4; i++) bits.take(8);
      this.#window = this.#dictionary;
    }
    this.#started = true;
  }
}

class Bits {
  readonly #bytes: Buffer;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw new SpdyError('deflate data ends early');
      this.#held |= (this.#bytes[this.#at++] as number) << this.#count;
      this.#count += 8;
    }
    const value = this.#held & ((1 << count) - 1);
    this.#held >>>= count;
    this.#count -= count;
    return value;
  }

  /** To the next byte. */
  align(): void {
    this.#held = 0;
    this.#count = 0;
  }

  done(): boolean {
    return this.#at >= this.#bytes.length && this.#count < 8;
  }
}

class Output {
  readonly start: number;
  readonly #most: number;
  #bytes: Buffer;
  #length: number;

  constructor(window: Buffer, most: number) {
    this.start = window.length;
    this.#most = most;
    this.#bytes = Buffer.alloc(window.length + 1024);
    window.copy(this.#bytes);
    this.#length = window.length;
  }

  put(byte: number): void {
    if (this.#length === this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    if (this.#length - this.start >= this.#most) throw new SpdyError('header block is too large');
    this.#bytes[this.#length++] = byte;
  }

  copy(distance: number, length: number): void {
    if (distance > this.#length) throw new SpdyError('deflate distance is too far');
    for (let i = 0; i < length; i++) this.put(this.#bytes[this.#length - distance] as number);
  }

  all(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

interface Huffman {
  /** How many codes have each length. */
  counts: number[];
  /** Symbols in the order of their codes. */
  symbols: number[];
}

function huffman(lengths: number[]): Huffman {
  const counts = Array.from({ length: 16 }, () => 0);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  counts[0] = 0;
  const offsets = Array.from({ length: 17 }, () => 0);
  for (let i = 1; i < 16; i++) offsets[i + 1] = (offsets[i] as number) + (counts[i] as number);
  const symbols: number[] = [];
  lengths.forEach((length, symbol) => {
    if (length) symbols[offsets[length] as number] = symbol;
    if (length) offsets[length] = (offsets[length] as number) + 1;
  });
  return { counts, symbols };
}

function symbol(bits: Bits, table: Huffman): number {
  let code = 0;
  let first = 0;
  let index = 0;
  for (let length = 1; length < 16; length++) {
    code |= bits.take(1);
    const count = table.counts[length] as number;
    if (code - first < count) return table.symbols[index + code - first] as number;
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  throw new SpdyError('broken deflate code');
}

const fixedLiterals = huffman(
  Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const fixedDistances = huffman(Array.from({ length: 30 }, () => 5));
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const lengthExtra = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function stored(bits: Bits, out: Output): void {
  bits.align();
  const length = bits.take(8) | (bits.take(8) << 8);
  bits.take(8);
  bits.take(8);
  for (let i = 0; i < length; i++) out.put(bits.take(8));
}

function blocks(bits: Bits, out: Output, literals: Huffman, distances: Huffman): void {
  for (;;) {
    const code = symbol(bits, literals);
    if (code === 256) return;
    if (code < 256) {
      out.put(code);
      continue;
    }
    const length = (lengthBase[code - 257] ?? 0) + bits.take(lengthExtra[code - 257] ?? 0);
    const far = symbol(bits, distances);
    out.copy((distanceBase[far] ?? Infinity) + bits.take(far < 4 ? 0 : (far >> 1) - 1), length);
  }
}

function dynamic(bits: Bits, out: Output): void {
  const literals = bits.take(5) + 257;
  const distances = bits.take(5) + 1;
  const count = bits.take(4) + 4;
  const codeLengths = Array.from({ length: 19 }, () => 0);
  for (let i = 0; i < count; i++) codeLengths[codeOrder[i] as number] = bits.take(3);
  const codes = huffman(codeLengths);
  const lengths: number[] = [];
  while (lengths.length < literals + distances) {
    const code = symbol(bits, codes);
    if (code < 16) lengths.push(code);
    else if (code === 16) repeat(lengths, lengths.at(-1) ?? 0, 3 + bits.take(2));
    else repeat(lengths, 0, code === 17 ? 3 + bits.take(3) : 11 + bits.take(7));
  }
  blocks(bits, out, huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals)));
}

function repeat(into: number[], value: number, times: number): void {
  for (let i = 0; i < times; i++) into.push(value);
}
