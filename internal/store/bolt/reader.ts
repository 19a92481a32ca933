import { StoreError } from '../errors.ts';
import { bucketHeaderBytes, elementBytes, pageHeaderBytes, pageKinds, readMeta } from './pages.ts';
import type { Entry } from './writer.ts';

/** Bytes of the file at a place; fewer when it ends before. */
export type ReadAt = (at: number, length: number) => Buffer;

/** Deeper trees are none: a page points to itself. */
const deepest = 32;

/** Reads the buckets of a bbolt file. Throws StoreError CORRUPT for what is none, or is damaged. */
export class BoltReader {
  readonly #readAt: ReadAt;
  readonly #pageBytes: number;
  readonly #root: number;

  constructor(readAt: ReadAt) {
    this.#readAt = readAt;
    const { pageBytes, root } = newestMeta(readAt);
    this.#pageBytes = pageBytes;
    this.#root = root;
  }

  /** The entries of a bucket in byte order of their keys; none when there is no such bucket. */
  *bucket(name: string): Generator<Entry> {
    for (const { key, value } of this.#below(this.#root, deepest)) {
      if (key.toString('latin1') !== name) continue;
      if (value.length < bucketHeaderBytes) throw damaged('a bucket without a root');
      const root = Number(value.readBigUInt64LE(0));
      if (root === 0) yield* elementsOf(value.subarray(bucketHeaderBytes));
      else yield* this.#below(root, deepest);
      return;
    }
  }

  *#below(id: number, depth: number): Generator<Entry> {
    if (depth === 0) throw damaged('a page that leads to itself');
    const page = this.#page(id);
    if (page.readUInt16LE(8) === pageKinds.leaf) {
      yield* elementsOf(page);
      return;
    }
    if (page.readUInt16LE(8) !== pageKinds.branch) throw damaged(`page ${id} of unknown kind`);
    const count = page.readUInt16LE(10);
    for (let i = 0; i < count; i++) {
      const at = pageHeaderBytes + i * elementBytes;
      if (at + elementBytes > page.length) throw damaged(`page ${id} ends too early`);
      yield* this.#below(Number(page.readBigUInt64LE(at + 8)), depth - 1);
    }
  }

  #page(id: number): Buffer {
    const first = this.#readAt(id * this.#pageBytes, this.#pageBytes);
    if (first.length < this.#pageBytes || Number(first.readBigUInt64LE(0)) !== id)
      throw damaged(`page ${id} is not in its place`);
    const overflow = first.readUInt32LE(12);
    if (overflow === 0) return first;
    const whole = this.#readAt(id * this.#pageBytes, (overflow + 1) * this.#pageBytes);
    if (whole.length < (overflow + 1) * this.#pageBytes) throw damaged(`page ${id} ends too early`);
    return whole;
  }
}

/** True for a file that begins as a bbolt file does. */
export function isBolt(readAt: ReadAt): boolean {
  return readMeta(readAt(0, pageHeaderBytes + 64), 0) !== undefined;
}

/** Of the two meta pages the newer whole one counts: a power cut may have torn the other. */
function newestMeta(readAt: ReadAt): { pageBytes: number; root: number } {
  const first = readMeta(readAt(0, pageHeaderBytes + 64), 0);
  // The second lies at the second page; without the first its size has to be guessed.
  const sizes = first ? [first.pageBytes] : [4096, 16384, 65536];
  const second = sizes
    .map((size) => readMeta(readAt(size, pageHeaderBytes + 64), 1))
    .find((meta) => meta !== undefined);
  const newest =
    first && second ? (second.transaction > first.transaction ? second : first) : (first ?? second);
  if (!newest) throw damaged('it has no beginning');
  return newest;
}

function* elementsOf(page: Buffer): Generator<Entry> {
  if (page.length < pageHeaderBytes) throw damaged('a page ends too early');
  const count = page.readUInt16LE(10);
  for (let i = 0; i < count; i++) {
    const at = pageHeaderBytes + i * elementBytes;
    if (at + elementBytes > page.length) throw damaged('a page ends too early');
    const key = at + page.readUInt32LE(at + 4);
    const value = key + page.readUInt32LE(at + 8);
    const end = value + page.readUInt32LE(at + 12);
    if (end > page.length) throw damaged('an entry ends outside its page');
    yield { key: page.subarray(key, value), value: page.subarray(value, end) };
  }
}

export function damaged(what: string): StoreError {
  return new StoreError('CORRUPT', `the file of etcd is damaged: ${what}`, {
    op: 'restore',
    hint: 'nothing was changed; take another snapshot',
  });
}
