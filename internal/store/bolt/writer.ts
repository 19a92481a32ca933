import {
  bucketFlag,
  bucketHeaderBytes,
  elementBytes,
  metaPage,
  pageBytes,
  pageHeader,
  pageHeaderBytes,
  pageKinds,
} from './pages.ts';

export interface Entry {
  key: Buffer;
  value: Buffer;
}

/** What points to a page from the level above: its number and its first key. */
interface Child {
  key: Buffer;
  id: number;
}

/**
 * Pages 0 and 1 are meta pages, 2 the list of free pages, which a file that is written once does
 * not have.
 */
const headPages = 3;
/**
 * A bucket that takes no more than this lies in the element that names it, without a page of its
 * own.
 */
const inlineBytes = pageBytes / 4;

/** Pages as they get full, and what their making ends with. */
export type Pages<T> = Generator<Buffer, T>;

/**
 * Makes a bbolt file of buckets once, from start to end, in the order of the keys. What is in the
 * first pages is known last: `finish` returns them, to be put before all pages that were yielded.
 */
export class BoltWriter {
  readonly #buckets: Entry[] = [];
  #next = headPages;

  /** Adds a bucket. Entries come in byte order of their keys. */
  *bucket(name: string, entries: Iterable<Entry>): Pages<void> {
    const tree = new Tree((kind, elements) => this.#page(kind, elements), 0);
    for (const entry of entries) yield* tree.add(entry);
    this.#buckets.push({ key: Buffer.from(name), value: yield* tree.finish() });
  }

  *finish(): Pages<Buffer> {
    const tree = new Tree((kind, elements) => this.#page(kind, elements), bucketFlag);
    for (const bucket of this.#buckets.sort((a, b) => Buffer.compare(a.key, b.key)))
      yield* tree.add(bucket);
    const root = yield* tree.root();
    const freelist = Buffer.alloc(pageBytes);
    pageHeader(freelist, 2, pageKinds.freelist, 0, 0);
    const metas = [0, 1].map((id) =>
      metaPage(id, { root, freelist: 2, pages: this.#next, transaction: id }),
    );
    return Buffer.concat([...metas, freelist]);
  }

  *#page(kind: number, elements: Buffer): Pages<number> {
    const pages = Math.ceil(elements.length / pageBytes);
    const id = this.#next;
    this.#next += pages;
    pageHeader(elements, id, kind, elements.readUInt16LE(10), pages - 1);
    yield Buffer.concat([elements, Buffer.alloc(pages * pageBytes - elements.length)]);
    return id;
  }
}

/** A B+ tree built from below: leaves as they fill, then the branches over them. */
class Tree {
  readonly #write: (kind: number, page: Buffer) => Pages<number>;
  readonly #flag: number;
  readonly #leaves: Child[] = [];
  #waiting: Entry[] = [];
  #bytes = pageHeaderBytes;

  constructor(write: (kind: number, page: Buffer) => Pages<number>, flag: number) {
    this.#write = write;
    this.#flag = flag;
  }

  *add(entry: Entry): Pages<void> {
    const bytes = elementBytes + entry.key.length + entry.value.length;
    if (this.#waiting.length > 0 && this.#bytes + bytes > pageBytes) yield* this.#flush();
    this.#waiting.push(entry);
    this.#bytes += bytes;
  }

  /** The bucket as the value of its element. */
  *finish(): Pages<Buffer> {
    const header = Buffer.alloc(bucketHeaderBytes);
    if (this.#leaves.length === 0 && this.#bytes <= inlineBytes)
      return Buffer.concat([header, leafPage(this.#waiting, this.#flag)]);
    header.writeBigUInt64LE(BigInt(yield* this.root()));
    return header;
  }

  /** Writes what is missing and returns the number of the top page. */
  *root(): Pages<number> {
    if (this.#waiting.length > 0 || this.#leaves.length === 0) yield* this.#flush();
    let level = this.#leaves;
    while (level.length > 1) level = yield* this.#branches(level);
    return (level[0] as Child).id;
  }

  *#flush(): Pages<void> {
    const entries = this.#waiting;
    this.#leaves.push({
      key: entries[0]?.key ?? Buffer.alloc(0),
      id: yield* this.#write(pageKinds.leaf, leafPage(entries, this.#flag)),
    });
    this.#waiting = [];
    this.#bytes = pageHeaderBytes;
  }

  *#branches(children: Child[]): Pages<Child[]> {
    const above: Child[] = [];
    for (let at = 0; at < children.length;) {
      let bytes = pageHeaderBytes;
      const first = at;
      // Two at least, or the tree would never get narrower.
      while (
        at < children.length &&
        (at - first < 2 || bytes + elementBytes + (children[at] as Child).key.length <= pageBytes)
      )
        bytes += elementBytes + (children[at++] as Child).key.length;
      const page = branchPage(children.slice(first, at));
      above.push({
        key: (children[first] as Child).key,
        id: yield* this.#write(pageKinds.branch, page),
      });
    }
    return above;
  }
}

/** Elements first, then keys and values; an element says how far from itself its key begins. */
function leafPage(entries: Entry[], flag: number): Buffer {
  const page = Buffer.alloc(
    pageHeaderBytes +
      entries.reduce((sum, e) => sum + elementBytes + e.key.length + e.value.length, 0),
  );
  pageHeader(page, 0, pageKinds.leaf, entries.length, 0);
  let data = pageHeaderBytes + entries.length * elementBytes;
  entries.forEach(({ key, value }, i) => {
    const at = pageHeaderBytes + i * elementBytes;
    page.writeUInt32LE(flag, at);
    page.writeUInt32LE(data - at, at + 4);
    page.writeUInt32LE(key.length, at + 8);
    page.writeUInt32LE(value.length, at + 12);
    data += key.copy(page, data);
    data += value.copy(page, data);
  });
  return page;
}

function branchPage(children: Child[]): Buffer {
  const page = Buffer.alloc(
    pageHeaderBytes + children.reduce((sum, c) => sum + elementBytes + c.key.length, 0),
  );
  pageHeader(page, 0, pageKinds.branch, children.length, 0);
  let data = pageHeaderBytes + children.length * elementBytes;
  children.forEach(({ key, id }, i) => {
    const at = pageHeaderBytes + i * elementBytes;
    page.writeUInt32LE(data - at, at);
    page.writeUInt32LE(key.length, at + 4);
    page.writeBigUInt64LE(BigInt(id), at + 8);
    data += key.copy(page, data);
  });
  return page;
}
