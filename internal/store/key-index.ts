import type { Rec } from './record.ts';

/**
 * A leaf splits when it grows beyond this: small enough for cheap insertion, large enough for few
 * leaves.
 */
const maxLeafEntries = 256;

interface Leaf {
  keys: string[];
  recs: Rec[];
  /** How many of its keys exist at the published revision. */
  live: number;
}

/**
 * Keys in byte order, each with its newest Rec. Two levels: an array of leaves of up to 256 keys. A
 * range of a million keys touches 8,000 leaves to be counted (some 10 microseconds); inserting
 * moves at most 256 entries, splitting moves the array of leaves.
 */
export class KeyIndex {
  #leaves: Leaf[] = [{ keys: [], recs: [], live: 0 }];
  #size = 0;

  /** Keys in the index, deleted ones that history still knows included. */
  get size(): number {
    return this.#size;
  }

  get(key: string): Rec | undefined {
    const leaf = this.#leafOf(key);
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.recs[at] : undefined;
  }

  /** Makes `rec` the head of its key. */
  set(rec: Rec): void {
    const index = this.#indexOf(rec.key);
    const leaf = this.#leaves[index] as Leaf;
    const at = lowerBound(leaf.keys, rec.key);
    if (leaf.keys[at] === rec.key) {
      leaf.recs[at] = rec;
      return;
    }
    this.#size++;
    if (at === leaf.keys.length) {
      leaf.keys.push(rec.key);
      leaf.recs.push(rec);
    } else {
      leaf.keys.splice(at, 0, rec.key);
      leaf.recs.splice(at, 0, rec);
    }
    if (leaf.keys.length > maxLeafEntries) this.#split(index);
  }

  delete(key: string): void {
    const index = this.#indexOf(key);
    const leaf = this.#leaves[index] as Leaf;
    const at = lowerBound(leaf.keys, key);
    if (leaf.keys[at] !== key) return;
    leaf.keys.splice(at, 1);
    leaf.recs.splice(at, 1);
    this.#size--;
    if (leaf.keys.length === 0 && this.#leaves.length > 1) this.#leaves.splice(index, 1);
  }

  /** Notes that `key` came to exist (+1) or ceased to exist (-1) at the published revision. */
  addLive(key: string, delta: 1 | -1): void {
    this.#leafOf(key).live += delta;
  }

  /** Keys of the range that exist at the published revision. */
  countLive(key: string, end: string, lives: (head: Rec) => boolean): number {
    if (end !== '\0' && end <= key) return 0;
    const first = this.#indexOf(key);
    const last = end === '\0' ? this.#leaves.length - 1 : this.#indexOf(end);
    let count = 0;
    for (let i = first; i <= last; i++) {
      const leaf = this.#leaves[i] as Leaf;
      if (i > first && (i < last || end === '\0')) {
        count += leaf.live;
        continue;
      }
      const to = end === '\0' ? leaf.keys.length : lowerBound(leaf.keys, end);
      for (let at = lowerBound(leaf.keys, key); at < to; at++)
        if (lives(leaf.recs[at] as Rec)) count++;
    }
    return count;
  }

  /**
   * Visits heads of the range in key order until `visit` returns false. The index must not change
   * meanwhile.
   */
  scan(key: string, end: string, visit: (head: Rec) => boolean): void {
    if (end !== '\0' && end <= key) return;
    let at = -1;
    for (let i = this.#indexOf(key); i < this.#leaves.length; i++) {
      const { keys, recs } = this.#leaves[i] as Leaf;
      at = at < 0 ? lowerBound(keys, key) : 0;
      const last = keys[keys.length - 1];
      const to =
        end === '\0' || last === undefined || last < end ? keys.length : lowerBound(keys, end);
      for (; at < to; at++) if (!visit(recs[at] as Rec)) return;
      if (to < keys.length) return;
    }
  }

  #leafOf(key: string): Leaf {
    return this.#leaves[this.#indexOf(key)] as Leaf;
  }

  /** The last leaf whose first key is not above `key`. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (((this.#leaves[middle] as Leaf).keys[0] as string) <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #split(index: number): void {
    const leaf = this.#leaves[index] as Leaf;
    // Keys that arrive in order leave full leaves behind instead of half-empty ones.
    const cut = index === this.#leaves.length - 1 ? leaf.keys.length - 8 : leaf.keys.length >> 1;
    const right: Leaf = { keys: leaf.keys.splice(cut), recs: leaf.recs.splice(cut), live: 0 };
    right.live = this.liveIn(right.recs);
    leaf.live -= right.live;
    this.#leaves.splice(index + 1, 0, right);
  }

  /** Set by the state: how many of these heads exist at the published revision. */
  liveIn: (heads: Rec[]) => number = () => 0;
}

function lowerBound(keys: string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
