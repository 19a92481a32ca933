import type { KeyValue } from './store.ts';
import { type Slab, values } from './value-arena.ts';

const noBytes = Buffer.alloc(0);

/**
 * What a record's row is worth: not on disk; on disk under `seq`; or settled without a row (a
 * flushed soft deletion).
 */
export const notOnDisk = 0;
export const settled = -1;

/**
 * One version of one key, as readers see it (KeyValue), and its place in the store: the version
 * before it until compaction cuts the link, its order within its revision, and its row in the log.
 * A deletion has version 0. The value is copied when the record is made; each look at it makes a
 * new view of the same bytes.
 */
export class Rec implements KeyValue {
  readonly key: string;
  /** Length of the value. */
  readonly size: number;
  #slab: Slab | undefined;
  #at = 0;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: string;
  readonly sub: number;
  readonly soft: boolean;
  prev: Rec | undefined;
  /** A row number, notOnDisk or settled. */
  seq: number;
  /**
   * The row of a compacted older version that must stay until this record is on disk itself; 0 for
   * none.
   */
  heldSeq: number;

  constructor(from: {
    key: string;
    value?: Uint8Array;
    createRevision: number;
    modRevision: number;
    version: number;
    lease: string;
    sub: number;
    soft: boolean;
    prev: Rec | undefined;
  }) {
    this.key = from.key;
    this.size = from.value?.length ?? 0;
    if (from.value !== undefined && this.size > 0) this.#keep(from.value);
    this.createRevision = from.createRevision;
    this.modRevision = from.modRevision;
    this.version = from.version;
    this.lease = from.lease;
    this.sub = from.sub;
    this.soft = from.soft;
    this.prev = from.prev;
    this.seq = notOnDisk;
    this.heldSeq = 0;
  }

  get value(): Uint8Array {
    return this.#slab === undefined
      ? noBytes
      : this.#slab.bytes.subarray(this.#at, this.#at + this.size);
  }

  /** The value is no longer counted; readers that have it may go on. */
  release(): void {
    if (this.#slab !== undefined) values.release(this.#slab, this.size);
  }

  /** Moves the value if it is one of few that keep a slab alive. */
  tidy(): void {
    if (!this.#slab?.sparse || this.#slab.bytes.length === this.size) return;
    const { value } = this;
    this.release();
    this.#keep(value);
  }

  #keep(value: Uint8Array): void {
    this.#slab = values.keep(value);
    this.#at = this.#slab.used - this.size;
  }
}

/**
 * The version of a key that is in force at `revision`, or undefined when there is none or it is a
 * deletion.
 */
export function versionAt(head: Rec | undefined, revision: number): Rec | undefined {
  let rec = head;
  while (rec !== undefined && rec.modRevision > revision) rec = rec.prev;
  return rec !== undefined && rec.version > 0 ? rec : undefined;
}
