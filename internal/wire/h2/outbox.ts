/**
 * Small answers of many calls gather in blocks of this size; larger bodies are only referred to.
 */
const blockBytes = 32 * 1024;
/** Blocks that wait to be used again, for all connections: idle ones hold none. */
const spareBlocks = 8;
const spare: Buffer[] = [];
const nothing = Buffer.alloc(0);

/** Bytes on their way out, in order: written into a block here, or referred to where they are. */
export class Outbox {
  /** Where to write, at `at`, after asking for `room`. */
  buffer: Buffer = nothing;
  at = 0;
  #from = 0;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #lent: Buffer = nothing;

  get bytes(): number {
    return this.#pieceBytes + this.at - this.#from;
  }

  /**
   * Makes sure that `size` bytes can be written in one piece; `buffer` may be another one
   * afterwards.
   */
  room(size: number): void {
    if (this.at + size <= this.buffer.length) return;
    this.#cut();
    this.buffer =
      size > blockBytes
        ? Buffer.allocUnsafeSlow(size)
        : (spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes));
    this.at = 0;
    this.#from = 0;
  }

  /** Sends these bytes from where they are; they must not change any more. */
  refer(bytes: Buffer): void {
    this.#cut();
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
  }

  take(): Buffer[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    return pieces;
  }

  /** What was taken is gone: the block may be written over. */
  recycle(): void {
    keep(this.buffer);
    this.#leave();
  }

  /** What was taken is still being read by others, until they give it back. */
  lend(): void {
    this.#lent = this.buffer;
    this.#leave();
  }

  returned(): void {
    keep(this.#lent);
    this.#lent = nothing;
  }

  #leave(): void {
    this.buffer = nothing;
    this.at = 0;
    this.#from = 0;
  }

  #cut(): void {
    if (this.at === this.#from) return;
    this.#pieces.push(this.buffer.subarray(this.#from, this.at));
    this.#pieceBytes += this.at - this.#from;
    this.#from = this.at;
  }
}

function keep(block: Buffer): void {
  if (block.length === blockBytes && spare.length < spareBlocks) spare.push(block);
}
