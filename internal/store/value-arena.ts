/**
 * Values lie side by side in slabs of this size; one that is larger than a quarter of it has a slab
 * to itself.
 */
const slabBytes = 256 * 1024;
const sharedMostBytes = slabBytes / 4;
/**
 * A slab with less than this share of what was put into it still in use is emptied when the arena
 * is tidied.
 */
const sparseShare = 0.5;
/**
 * Slabs that are not full of values are left alone up to this much, and up to as much as the values
 * take.
 */
const slackBytes = 4 * 1024 * 1024;

/** A piece of memory that holds values of many records. */
export class Slab {
  readonly bytes: Buffer;
  used = 0;
  /** Bytes of values that are still referenced. */
  live = 0;

  constructor(size: number) {
    // Off the shared pool, so that nothing else keeps it alive.
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  get sparse(): boolean {
    return this.live < this.used * sparseShare;
  }
}

/**
 * Where the values of records are kept. A buffer of its own for each would cost 700 bytes around a
 * value of 450: the objects of the language, the allocator's, and what lies waste between them.
 */
class ValueArena {
  #open = new Slab(0);
  /** Memory of slabs that hold anything, and how much of it is values. */
  #held = 0;
  #live = 0;

  /** Copies a value; it lies in the returned slab's last `value.length` used bytes. */
  keep(value: Uint8Array): Slab {
    const size = value.length;
    let slab = this.#open;
    if (size > sharedMostBytes) slab = new Slab(size);
    else if (slab.bytes.length - slab.used < size) slab = this.#open = new Slab(slabBytes);
    if (slab.live === 0) this.#held += slab.bytes.length;
    slab.bytes.set(value, slab.used);
    slab.used += size;
    slab.live += size;
    this.#live += size;
    return slab;
  }

  /** Nobody counts on `size` bytes of the slab any more. Readers that have them may go on. */
  release(slab: Slab, size: number): void {
    slab.live -= size;
    this.#live -= size;
    if (slab.live === 0) this.#held -= slab.bytes.length;
  }

  /** True when more memory is held for a few values left behind than is reasonable. */
  get wasteful(): boolean {
    return this.#held > 2 * this.#live + slackBytes;
  }
}

/** One for the process: it is an allocator. */
export const values = new ValueArena();
