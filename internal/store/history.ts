import type { Rec } from './record.ts';

/**
 * The published records of the history window in order of revision: what a watch from the past
 * reads.
 */
export class History {
  #recs: Rec[] = [];
  /** Records before this place were dropped; the array is cut when half of it is. */
  #start = 0;

  get length(): number {
    return this.#recs.length - this.#start;
  }

  push(rec: Rec): void {
    this.#recs.push(rec);
  }

  at(index: number): Rec | undefined {
    return this.#recs[this.#start + index];
  }

  /** The index of the first record at or after `revision`. */
  find(revision: number): number {
    let low = this.#start;
    let high = this.#recs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#recs[middle] as Rec).modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
  }

  /** Forgets the oldest record. */
  shift(): void {
    this.#start++;
    if (this.#start < 1024 || this.#start * 2 < this.#recs.length) return;
    this.#recs = this.#recs.slice(this.#start);
    this.#start = 0;
  }
}
