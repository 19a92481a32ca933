/** Sets of completion indexes, written as `1,3-5,7` in a Job's status. */
export class Intervals {
  readonly #indexes: Set<number>;

  constructor(indexes: Iterable<number> = []) {
    this.#indexes = new Set(indexes);
  }

  /** Reads the text form; indexes at or above `completions` are dropped. */
  static parse(text: string | undefined, completions: number): Intervals {
    const indexes: number[] = [];
    for (const part of (text ?? '').split(',')) {
      const [first, last = first] = part.split('-').map((n) => (n === '' ? NaN : Number(n)));
      if (first === undefined || last === undefined || Number.isNaN(first) || Number.isNaN(last))
        continue;
      for (let i = first; i <= Math.min(last, completions - 1); i += 1) indexes.push(i);
    }
    return new Intervals(indexes);
  }

  get total(): number {
    return this.#indexes.size;
  }

  has(index: number): boolean {
    return this.#indexes.has(index);
  }

  with(more: Iterable<number>): Intervals {
    return new Intervals([...this.#indexes, ...more]);
  }

  /** How many of these are in `other` too. */
  overlap(other: Intervals): number {
    let n = 0;
    for (const index of this.#indexes) if (other.has(index)) n += 1;
    return n;
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#indexes.values();
  }

  /** Two neighbours are written with a comma, three and more with a dash. */
  toString(): string {
    const sorted = [...this.#indexes].sort((a, b) => a - b);
    const parts: string[] = [];
    for (let i = 0; i < sorted.length;) {
      let end = i;
      while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end += 1;
      if (end === i) parts.push(String(sorted[i]));
      else parts.push(`${sorted[i]}${end === i + 1 ? ',' : '-'}${sorted[end]}`);
      i = end + 1;
    }
    return parts.join(',');
  }
}
