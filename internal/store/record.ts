import type { KeyValue } from './store.ts';

const noBytes = new Uint8Array(0);

/** What a record's row is worth: not on disk; on disk under `seq`; or settled without a row (a flushed soft deletion). */
export const notOnDisk = 0;
export const settled = -1;

/**
 * One version of one key, as readers see it (KeyValue), and its place in the store: the version before it until
 * compaction cuts the link, its order within its revision, and its row in the log. A deletion has version 0.
 */
export class Rec implements KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: string;
  readonly sub: number;
  readonly soft: boolean;
  prev: Rec | undefined;
  /** A row number, notOnDisk or settled. */
  seq: number;
  /** The row of a compacted older version that must stay until this record is on disk itself; 0 for none. */
  heldSeq: number;

  constructor(from: { key: string; value?: Uint8Array; createRevision: number; modRevision: number; version: number; lease: string; sub: number; soft: boolean; prev: Rec | undefined }) {
    this.key = from.key;
    this.value = from.value ?? noBytes;
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
}

/** The version of a key that is in force at `revision`, or undefined when there is none or it is a deletion. */
export function versionAt(head: Rec | undefined, revision: number): Rec | undefined {
  let rec = head;
  while (rec !== undefined && rec.modRevision > revision) rec = rec.prev;
  return rec !== undefined && rec.version > 0 ? rec : undefined;
}
