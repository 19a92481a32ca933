/** The bytes of a stream, of which a decoder looks at so many at once. */
export class ByteWindow {
  readonly #source: AsyncIterator<Uint8Array>;
  #ended = false;
  bytes: Buffer = Buffer.alloc(0);
  /** Where the decoder is. */
  at = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Reads on until so many bytes lie ahead, or the stream ends. Returns how many lie ahead. */
  async ahead(wanted: number): Promise<number> {
    if (this.bytes.length - this.at >= wanted || this.#ended) return this.bytes.length - this.at;
    const parts: Uint8Array[] = [this.bytes.subarray(this.at)];
    let have = parts[0]?.length ?? 0;
    while (have < wanted && !this.#ended) {
      const { done, value } = await this.#source.next();
      if (done) this.#ended = true;
      else have += (parts.push(value), value.length);
    }
    this.bytes = Buffer.concat(parts);
    this.at = 0;
    return have;
  }

  /** The next bytes; throws when the stream ends before. */
  async take(count: number): Promise<Buffer> {
    if ((await this.ahead(count)) < count) throw new Error('unexpected end of file');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}
