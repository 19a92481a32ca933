import { lengthBytes, RowWriter } from '../row.ts';
import type { Rec } from '../record.ts';
import { checksum } from '../seal.ts';
import type { State } from '../state.ts';
import { checksumOf, type Batch } from './session.ts';
import type { StoreError } from '../errors.ts';

/** Told to a waiting operation that must be evaluated once more: somebody else wrote first. */
export const again = Symbol('again');
export type Waiter = (outcome: 'done' | typeof again | StoreError) => void;

/** Applied work that is not published. Its rows are committed together. */
export class Load {
  readonly rows = new RowWriter();
  readonly recs: Rec[] = [];
  /** How to take it back, in order of doing. */
  readonly undo: (Rec | (() => void))[] = [];
  /** What is to be noted once it is in the log. */
  readonly published: (() => void)[] = [];
  waiters: Waiter[] = [];
  readonly firstSeq: number;
  /** Its rows were seen in the log. */
  committed = false;
  /** Resolves when its commit has an answer, or lost its connection. */
  readonly over: Promise<void>;
  end: () => void = () => undefined;

  constructor(firstSeq: number) {
    this.firstSeq = firstSeq;
    this.over = new Promise((resolve) => (this.end = resolve));
  }

  get empty(): boolean {
    return this.rows.count === 0;
  }

  /** The number that the next row will have. */
  get nextSeq(): number {
    return this.firstSeq + this.rows.count;
  }

  /** True when a row is one of this load's, if its writer is. */
  has(seq: number): boolean {
    return seq >= this.firstSeq && seq < this.nextSeq;
  }

  /** Takes everything back, newest first. */
  revert(state: State): void {
    for (let i = this.undo.length - 1; i >= 0; i--) {
      const step = this.undo[i] as Rec | (() => void);
      if (typeof step === 'function') step();
      else state.undo(step);
    }
  }

  tell(outcome: Parameters<Waiter>[0]): void {
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter(outcome);
  }

  /** The load as one statement's worth, every row sealed, and the seal of the last. */
  batch(
    after: Batch['after'],
    writer: number,
    revision: number,
  ): { batch: Batch; checksum: number } {
    const rows = this.rows.finish();
    const bytes = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
    const batch: Batch = {
      after,
      seq: this.nextSeq - 1,
      revision: this.recs[this.recs.length - 1]?.modRevision ?? revision,
      writer,
      bytes,
      offsets: [],
      lengths: [],
    };
    let last = 0;
    for (let at = 0, seq = this.firstSeq; at < bytes.length; seq++) {
      const length = bytes.readUInt32LE(at);
      at += lengthBytes;
      const row = bytes.subarray(at, at + length);
      row.writeUInt32LE(checksum(row, seq), 0);
      last = checksumOf(row);
      batch.offsets.push(at + 1);
      batch.lengths.push(length);
      at += length;
    }
    return { batch, checksum: last };
  }
}
