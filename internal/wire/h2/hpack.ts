import { errorCode, H2Error } from './frames.ts';
import { decodeHuffman } from './huffman.ts';
import { HeaderField } from './field.ts';

/** RFC 7541, Appendix A: from index 1 on, each `name` or `name=value`. */
const staticFields =
  ':authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https ' +
  ':status=200 :status=204 :status=206 :status=304 :status=400 :status=404 :status=500 ' +
  ('accept-charset accept-encoding=gzip,_deflate accept-language accept-ranges accept ' +
    'access-control-allow-origin age allow authorization cache-control content-disposition ') +
  ('content-encoding content-language content-length content-location content-range ' +
    'content-type cookie date etag expect expires from host if-match if-modified-since ') +
  ('if-none-match if-range if-unmodified-since last-modified link location max-forwards ' +
    'proxy-authenticate proxy-authorization range referer refresh retry-after server ') +
  'set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate';

/** Gets the fields of a block in their order. */
export interface FieldTaker {
  add(field: HeaderField): void;
}

const staticTable: HeaderField[] = staticFields.split(' ').map((text) => {
  const [name = '', value = ''] = text.split('=');
  return new HeaderField(name, value.replace('_', ' '));
});

/** SETTINGS_HEADER_TABLE_SIZE as the RFC has it when nothing is said, and we say nothing. */
const tableBytes = 4096;
/**
 * Each entry counts 32 bytes at least, so there are 128 at most; a power of two makes the ring
 * cheap.
 */
const slots = 128;

const compression = (text: string): H2Error => new H2Error(errorCode.compressionError, text);

/**
 * Decodes header blocks (RFC 7541). One per connection: blocks must come in their order, and none
 * may be left out.
 */
export class HpackDecoder {
  readonly #ring: (HeaderField | undefined)[] = new Array<HeaderField | undefined>(slots).fill(
    undefined,
  );
  /** How many were ever inserted; the newest is at `#inserted - 1`. */
  #inserted = 0;
  #count = 0;
  #bytes = 0;
  #limit = tableBytes;
  #source: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /**
   * Throws H2Error when the block cannot be decoded; what is wrong with the fields themselves is
   * told by `head`.
   */
  decode(bytes: Buffer, from: number, to: number, head: FieldTaker): void {
    this.#source = bytes;
    this.#at = from;
    this.#end = to;
    let first = true;
    while (this.#at < to) {
      const byte = bytes[this.#at] as number;
      if (byte >= 0x80) {
        head.add(this.#field(this.#integer(0x7f)));
      } else if (byte >= 0x40) {
        const field = this.#literal(0x3f);
        this.#insert(field);
        head.add(field);
      } else if (byte >= 0x20) {
        if (!first) throw compression('a table size update after a field');
        this.#resize(this.#integer(0x1f));
        continue;
      } else {
        head.add(this.#literal(0x0f));
      }
      first = false;
    }
  }

  #field(index: number): HeaderField {
    if (index <= staticTable.length) {
      if (index === 0) throw compression('field 0');
      return staticTable[index - 1] as HeaderField;
    }
    const back = index - staticTable.length;
    if (back > this.#count) throw compression('a field that is not in the table');
    return this.#ring[(this.#inserted - back) & (slots - 1)] as HeaderField;
  }

  #literal(mask: number): HeaderField {
    const index = this.#integer(mask);
    const name = index === 0 ? this.#string() : this.#field(index).name;
    return new HeaderField(name, this.#string());
  }

  #insert(field: HeaderField): void {
    this.#evict(this.#limit - field.bytes);
    if (field.bytes > this.#limit) return;
    this.#ring[this.#inserted++ & (slots - 1)] = field;
    this.#count++;
    this.#bytes += field.bytes;
  }

  #resize(limit: number): void {
    if (limit > tableBytes) throw compression('a larger table than allowed');
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(to: number): void {
    while (this.#count > 0 && this.#bytes > to) {
      const slot = (this.#inserted - this.#count) & (slots - 1);
      this.#bytes -= (this.#ring[slot] as HeaderField).bytes;
      this.#ring[slot] = undefined;
      this.#count--;
    }
  }

  #integer(mask: number): number {
    let value = this.#byte() & mask;
    if (value < mask) return value;
    // Nothing in a block of bounded length needs more than 28 bits.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compression('a number without end');
  }

  #string(): string {
    if (this.#at >= this.#end) throw compression('a block that ends in a field');
    const huffman = (this.#source[this.#at] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const from = this.#at;
    if (from + length > this.#end) throw compression('a string longer than its block');
    this.#at += length;
    if (!huffman) return this.#source.latin1Slice(from, from + length);
    const text = decodeHuffman(this.#source, from, from + length);
    if (text === undefined) throw compression('a string in a wrong code');
    return text;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw compression('a block that ends in a field');
    return this.#source[this.#at++] as number;
  }
}

/**
 * Fields of an answer as a block that needs no table: literals that are never indexed, but for the
 * status. Texts are Latin-1.
 */
export function headerBlock(
  status: number | undefined,
  fields: readonly (readonly [name: string, value: string])[],
): Buffer {
  let size = status === undefined ? 0 : 5;
  for (const [name, value] of fields)
    size += 1 + lengthBytes + name.length + lengthBytes + value.length;
  const block = Buffer.allocUnsafe(size);
  let at = 0;
  if (status === 200) block[at++] = 0x88;
  else if (status !== undefined) {
    block[at++] = 0x08;
    at = writeString(block, at, String(status));
  }
  for (const [name, value] of fields) {
    block[at++] = 0;
    at = writeString(block, writeString(block, at, name), value);
  }
  return block.subarray(0, at);
}

/** The length of a string as an integer with a prefix of seven bits, at most. */
const lengthBytes = 5;

function writeString(into: Buffer, from: number, text: string): number {
  let at = from;
  if (text.length < 0x7f) into[at++] = text.length;
  else {
    into[at++] = 0x7f;
    let rest = text.length - 0x7f;
    for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
    into[at++] = rest;
  }
  return at + into.write(text, at, 'latin1');
}
