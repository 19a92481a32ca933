import { StoreError } from '../store/errors.ts';
import { encode } from '../wire/etcd/codec.ts';

/**
 * Raises the revision of an etcd's data file, as `--bump-revision` of newer restore commands does:
 * clients may hold any revision that the lost cluster handed out after the snapshot, and must never
 * see one a second time. A deletion of a key that never was is added as the newest record; etcd
 * starts from the revision of its newest record. The file is bbolt's
 * (https://github.com/etcd-io/bbolt): pages with a header of 16 bytes; the bucket `key` maps
 * revisions to records. Numbers are little-endian. Whoever reads the file goes by pages and
 * pointers, so one page is added behind all others, in the place of the last leaf, and the old leaf
 * stays as a hole that etcd's defragmentation closes.
 */
export function bumpRevision(file: Buffer, step: number): { file: Buffer; revision: number } {
  try {
    return new BoltFile(file).bump(step);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw broken('a page points outside the file', cause);
  }
}

const magic = 0xed0cdaed;
const version = 2;
const headerBytes = 16;
const elementBytes = 16;
const flags = { branch: 1, leaf: 2, meta: 4 };
const recordBucket = 'key';
/**
 * `<main revision, 8 bytes>_<sub revision, 8 bytes>`, and a `t` for deletions; these numbers are
 * big-endian.
 */
const revisionBytes = 17;

interface Element {
  flags: number;
  key: Buffer;
  value: Buffer;
}

class BoltFile {
  #file: Buffer;
  readonly #pageBytes: number;
  /** Where the newer of the two meta pages has its body. */
  readonly #meta: number;

  constructor(file: Buffer) {
    this.#file = file;
    const first = metaAt(file, headerBytes);
    this.#pageBytes = first?.pageBytes ?? 4096;
    const second = metaAt(file, this.#pageBytes + headerBytes);
    if (!first && !second) throw broken('it has no beginning');
    this.#meta =
      second && (!first || second.transaction > first.transaction)
        ? this.#pageBytes + headerBytes
        : headerBytes;
    // The number of its pages, which the beginning names.
    if (file.readBigUInt64LE(this.#meta + 40) * BigInt(this.#pageBytes) > BigInt(file.length))
      throw broken('its end is missing');
  }

  bump(step: number): { file: Buffer; revision: number } {
    const bucket = this.#bucket(recordBucket);
    const { leaf, pointer } = this.#lastLeaf(bucket);
    const elements = this.#elements(leaf);
    const newest = elements[elements.length - 1];
    const revision = newest ? Number(newest.key.readBigUInt64BE(0)) : 1;
    const key = Buffer.alloc(revisionBytes + 1);
    key.writeBigUInt64BE(BigInt(revision + step), 0);
    key.write('_', 8, 'latin1');
    key.write('t', revisionBytes, 'latin1');
    const value = Buffer.from(encode('KeyValue', { key: 'skiff-restored' }));
    const page = this.#append([...elements, { flags: 0, key, value }]);
    this.#file.writeBigUInt64LE(BigInt(page), pointer);
    return { file: this.#file, revision };
  }

  /**
   * Where the value of a bucket begins: the page of its root, a counter, and a small bucket's only
   * page itself.
   */
  #bucket(name: string): number {
    let page = this.#page(Number(this.#file.readBigUInt64LE(this.#meta + 16)));
    const wanted = Buffer.from(name);
    while (this.#kind(page) === flags.branch) {
      let child = 0;
      for (let i = 0; i < this.#count(page); i++) {
        const { key, id } = this.#branch(page, i);
        if (i === 0 || Buffer.compare(key, wanted) <= 0) child = id;
      }
      page = this.#page(child);
    }
    for (let i = 0; i < this.#count(page); i++) {
      const { key, valueAt } = this.#leaf(page, i);
      if (key.equals(wanted)) return valueAt;
    }
    throw broken(`it has no records`);
  }

  /** The last leaf of a bucket, and the place that holds its page number. */
  #lastLeaf(bucket: number): { leaf: number; pointer: number } {
    let pointer = bucket;
    const root = Number(this.#file.readBigUInt64LE(bucket));
    let page = root === 0 ? bucket + headerBytes : this.#page(root);
    while (this.#kind(page) === flags.branch) {
      const last = this.#branch(page, this.#count(page) - 1);
      pointer = last.idAt;
      page = this.#page(last.id);
    }
    return { leaf: page, pointer };
  }

  #elements(page: number): Element[] {
    return Array.from({ length: this.#count(page) }, (_, i) => this.#leaf(page, i));
  }

  /** Adds a leaf behind all pages and returns its number. */
  #append(elements: Element[]): number {
    const id = Number(this.#file.readBigUInt64LE(this.#meta + 40));
    const bytes =
      headerBytes +
      elements.reduce((sum, { key, value }) => sum + elementBytes + key.length + value.length, 0);
    const pages = Math.ceil(bytes / this.#pageBytes);
    const page = Buffer.alloc(pages * this.#pageBytes);
    page.writeBigUInt64LE(BigInt(id), 0);
    page.writeUInt16LE(flags.leaf, 8);
    page.writeUInt16LE(elements.length, 10);
    page.writeUInt32LE(pages - 1, 12);
    let at = headerBytes + elements.length * elementBytes;
    elements.forEach(({ flags: kind, key, value }, i) => {
      const element = headerBytes + i * elementBytes;
      [kind, at - element, key.length, value.length].forEach((field, n) =>
        page.writeUInt32LE(field, element + n * 4),
      );
      at += key.copy(page, at);
      at += value.copy(page, at);
    });
    this.#file = Buffer.concat([this.#file.subarray(0, id * this.#pageBytes), page]);
    this.#file.writeBigUInt64LE(BigInt(id + pages), this.#meta + 40);
    this.#file.writeBigUInt64LE(
      fnv1a(this.#file.subarray(this.#meta, this.#meta + 56)),
      this.#meta + 56,
    );
    return id;
  }

  #page(id: number): number {
    const at = id * this.#pageBytes;
    if (id < 2 || at + headerBytes > this.#file.length)
      throw broken('a page points outside the file');
    return at;
  }

  #kind(page: number): number {
    const kind = this.#file.readUInt16LE(page + 8);
    if (kind !== flags.branch && kind !== flags.leaf) throw broken(`a page is of kind ${kind}`);
    return kind;
  }

  #count(page: number): number {
    return this.#file.readUInt16LE(page + 10);
  }

  #leaf(page: number, i: number): Element & { valueAt: number } {
    const at = page + headerBytes + i * elementBytes;
    const [kind, position, keyBytes, valueBytes] = [0, 4, 8, 12].map((n) =>
      this.#file.readUInt32LE(at + n),
    ) as [number, number, number, number];
    const valueAt = at + position + keyBytes;
    if (valueAt + valueBytes > this.#file.length) throw broken('a record is cut off');
    return {
      flags: kind,
      key: this.#file.subarray(at + position, valueAt),
      value: this.#file.subarray(valueAt, valueAt + valueBytes),
      valueAt,
    };
  }

  #branch(page: number, i: number): { key: Buffer; id: number; idAt: number } {
    const at = page + headerBytes + i * elementBytes;
    const start = at + this.#file.readUInt32LE(at);
    return {
      key: this.#file.subarray(start, start + this.#file.readUInt32LE(at + 4)),
      id: Number(this.#file.readBigUInt64LE(at + 8)),
      idAt: at + 8,
    };
  }
}

function metaAt(file: Buffer, at: number): { pageBytes: number; transaction: bigint } | undefined {
  if (
    file.length < at + 64 ||
    file.readUInt32LE(at) !== magic ||
    file.readUInt32LE(at + 4) !== version
  )
    return undefined;
  if (file.readBigUInt64LE(at + 56) !== fnv1a(file.subarray(at, at + 56))) return undefined;
  return { pageBytes: file.readUInt32LE(at + 8), transaction: file.readBigUInt64LE(at + 48) };
}

/** FNV-1a of 64 bits. */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

function broken(why: string, cause?: unknown): StoreError {
  return new StoreError('CORRUPT', `the file is not the data of an etcd: ${why}`, {
    op: 'restore',
    cause,
    hint: 'take another snapshot',
  });
}
