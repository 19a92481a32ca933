import { ByteWindow } from './byte-window.ts';

/** Fields of the format have these sizes in bits; blocks begin anywhere within a byte. */
const blockMark = 0x314159265359;
const endMark = 0x177245385090;
/** A block of 900,000 bytes packs into no more than this, its tables included. */
const mostPackedBytes = 1_500_000;
const longestCode = 20;
const groupSize = 50;

/**
 * Unpacks streams of bzip2, one after another (as parallel packers write them), block by block;
 * checks each block's CRC.
 */
export async function* unpackBzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const window = new ByteWindow(source);
  do {
    const head = (await window.take(4)).toString('latin1');
    if (!/^BZh[1-9]$/.test(head)) throw new Error('not a bzip2 stream');
    const most = Number(head[3]) * 100_000;
    const bits = new Bits(window);
    for (;;) {
      await window.ahead(mostPackedBytes);
      const mark = bits.take(24) * 2 ** 24 + bits.take(24);
      if (mark === endMark) break;
      if (mark !== blockMark) throw new Error('damaged bzip2 stream');
      yield unpackBlock(bits, most);
    }
    bits.take(16);
    bits.take(16);
  } while ((await window.ahead(1)) > 0);
}

/**
 * Reads bits, the highest first, of what lies ahead in a window. What is left of a byte at the end
 * of a stream is padding.
 */
class Bits {
  readonly #window: ByteWindow;
  #hold = 0;
  #held = 0;

  constructor(window: ByteWindow) {
    this.#window = window;
  }

  take(count: number): number {
    while (this.#held < count) {
      const byte = this.#window.bytes[this.#window.at++];
      if (byte === undefined) throw new Error('unexpected end of file');
      this.#hold = (this.#hold << 8) | byte;
      this.#held += 8;
    }
    this.#held -= count;
    return (this.#hold >>> this.#held) & ((1 << count) - 1);
  }
}

function unpackBlock(bits: Bits, most: number): Buffer {
  const crc = bits.take(16) * 65_536 + bits.take(16);
  if (bits.take(1) === 1)
    throw new Error('randomised bzip2 block, which no packer has written for decades');
  const origin = bits.take(24);
  const symbols = readSymbols(bits);
  const codes = readCodes(bits, symbols.length + 2);
  const { last, counts } = readMoves(bits, { symbols, codes, most });
  const out = unrun(inverse(last, counts, origin));
  if (crcOf(out) !== crc) throw new Error('bzip2 block that does not match its checksum');
  return out;
}

/** The bytes that occur, in order. */
function readSymbols(bits: Bits): number[] {
  const groups = bits.take(16);
  const symbols: number[] = [];
  for (let group = 0; group < 16; group++) {
    if (((groups >> (15 - group)) & 1) === 0) continue;
    const members = bits.take(16);
    for (let i = 0; i < 16; i++) if ((members >> (15 - i)) & 1) symbols.push(group * 16 + i);
  }
  if (symbols.length === 0) throw new Error('damaged bzip2 block');
  return symbols;
}

/**
 * A canonical code: for each length the first code, where its symbols begin, and how many there
 * are.
 */
interface Code {
  first: Int32Array;
  start: Int32Array;
  count: Int32Array;
  symbols: Int32Array;
}

interface Codes {
  tables: Code[];
  selectors: number[];
}

function readCodes(bits: Bits, alphabet: number): Codes {
  const tableCount = bits.take(3);
  const selectorCount = bits.take(15);
  if (tableCount < 2 || tableCount > 6 || selectorCount < 1) throw new Error('damaged bzip2 block');
  const order = Array.from({ length: tableCount }, (_, i) => i);
  const selectors: number[] = [];
  for (let i = 0; i < selectorCount; i++) {
    let place = 0;
    while (bits.take(1) === 1) if (++place >= tableCount) throw new Error('damaged bzip2 block');
    const [table = 0] = order.splice(place, 1);
    order.unshift(table);
    selectors.push(table);
  }
  return {
    selectors,
    tables: Array.from({ length: tableCount }, () => codeOf(readLengths(bits, alphabet))),
  };
}

function readLengths(bits: Bits, alphabet: number): number[] {
  const lengths: number[] = [];
  let length = bits.take(5);
  for (let symbol = 0; symbol < alphabet; symbol++) {
    for (;;) {
      if (length < 1 || length > longestCode) throw new Error('damaged bzip2 block');
      if (bits.take(1) === 0) break;
      length += bits.take(1) === 0 ? 1 : -1;
    }
    lengths.push(length);
  }
  return lengths;
}

function codeOf(lengths: number[]): Code {
  const perLength = (): Int32Array => new Int32Array(longestCode + 1);
  const code: Code = {
    first: perLength(),
    start: perLength(),
    count: perLength(),
    symbols: new Int32Array(lengths.length),
  };
  let next = 0;
  let placed = 0;
  for (let length = 1; length <= longestCode; length++) {
    const members = lengths.flatMap((one, symbol) => (one === length ? [symbol] : []));
    code.first[length] = next;
    code.start[length] = placed;
    code.count[length] = members.length;
    code.symbols.set(members, placed);
    placed += members.length;
    next = (next + members.length) * 2;
  }
  return code;
}

function readSymbol(bits: Bits, code: Code): number {
  let value = 0;
  for (let length = 1; length <= longestCode; length++) {
    value = value * 2 + bits.take(1);
    const place = value - (code.first[length] as number);
    if (place < (code.count[length] as number))
      return code.symbols[(code.start[length] as number) + place] as number;
  }
  throw new Error('damaged bzip2 block');
}

/**
 * Undoes Huffman's code, the runs of zeros and move-to-front: the last column of the sorted
 * rotations, and how often each byte occurs.
 */
function readMoves(
  bits: Bits,
  { symbols, codes, most }: { symbols: number[]; codes: Codes; most: number },
): { last: Uint8Array; counts: Uint32Array } {
  const order = Uint8Array.from(symbols);
  const last = new Uint8Array(most);
  const counts = new Uint32Array(256);
  const end = symbols.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  let code: Code | undefined;
  const flush = (): void => {
    const byte = order[0] as number;
    if (length + run > most) throw new Error('damaged bzip2 block');
    last.fill(byte, length, length + run);
    counts[byte] = (counts[byte] as number) + run;
    length += run;
    [run, weight] = [0, 1];
  };
  for (let read = 0; ; read++) {
    if (read % groupSize === 0) code = codes.tables[codes.selectors[read / groupSize] ?? -1];
    if (!code) throw new Error('damaged bzip2 block');
    const symbol = readSymbol(bits, code);
    if (symbol <= 1) {
      run += weight * (symbol + 1);
      weight *= 2;
      if (run > most) throw new Error('damaged bzip2 block');
      continue;
    }
    if (run > 0) flush();
    if (symbol === end) return { last: last.subarray(0, length), counts };
    const byte = order[symbol - 1] as number;
    order.copyWithin(1, 0, symbol - 1);
    order[0] = byte;
    if (length >= most) throw new Error('damaged bzip2 block');
    last[length++] = byte;
    counts[byte] = (counts[byte] as number) + 1;
  }
}

/** Undoes the Burrows-Wheeler transform. */
function inverse(last: Uint8Array, counts: Uint32Array, origin: number): Uint8Array {
  if (origin >= last.length) throw new Error('damaged bzip2 block');
  const starts = new Uint32Array(256);
  for (let byte = 1; byte < 256; byte++)
    starts[byte] = (starts[byte - 1] as number) + (counts[byte - 1] as number);
  const next = new Uint32Array(last.length);
  for (let i = 0; i < last.length; i++) {
    const byte = last[i] as number;
    const place = starts[byte] as number;
    next[place] = i;
    starts[byte] = place + 1;
  }
  const out = new Uint8Array(last.length);
  let at = next[origin] as number;
  for (let i = 0; i < out.length; i++) {
    out[i] = last[at] as number;
    at = next[at] as number;
  }
  return out;
}

/** Four equal bytes are followed by a count of how many more there are. */
function unrun(bytes: Uint8Array): Buffer {
  let size = 0;
  const walk = (put: (byte: number, count: number) => void): void => {
    let same = 0;
    let before = -1;
    for (const byte of bytes) {
      if (same === 4) {
        put(before, byte);
        [same, before] = [0, -1];
        continue;
      }
      same = byte === before ? same + 1 : 1;
      before = byte;
      put(byte, 1);
    }
  };
  walk((_byte, count) => (size += count));
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  walk((byte, count) => {
    out.fill(byte, at, at + count);
    at += count;
  });
  return out;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i * 2 ** 24;
  for (let bit = 0; bit < 8; bit++)
    value = value >= 2 ** 31 ? ((value * 2) ^ 0x04c11db7) >>> 0 : (value * 2) >>> 0;
  return value >>> 0;
});

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes)
    crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 255] as number)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}
