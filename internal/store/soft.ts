import { notOnDisk, type Rec, settled } from './record.ts';
import type { RowWriter } from './row.ts';

/** What a flush changed, in case its commit fails. */
export interface Flushed {
  recs: Rec[];
  /** Older rows of the same keys, which must stay until the new ones are on disk. */
  held: { key: string; seq: number; heldSeq: number }[];
  lossyRevision: number;
}

/** The published soft records that are not on disk, newest version of each key only. */
export class SoftBook {
  readonly #waiting = new Map<string, Rec>();
  #bytes = 0;
  /**
   * Versions up to this one were skipped on disk: after a start, history below it would have gaps.
   */
  lossyRevision = -1;
  /** Monotonic time of the oldest change that waits, or undefined. */
  oldestMs: number | undefined;

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes note of a published record, soft or not. */
  published(rec: Rec, nowMs: number): void {
    const old = this.#waiting.get(rec.key);
    if (old !== undefined) {
      this.#remove(old);
      if (old.seq === notOnDisk) this.lossyRevision = Math.max(this.lossyRevision, old.modRevision);
    }
    if (!rec.soft || rec.seq !== notOnDisk) return;
    this.#waiting.set(rec.key, rec);
    this.#bytes += rec.size + rec.key.length;
    this.oldestMs ??= nowMs;
  }

  /** Moves everything that waits into a batch: rows for versions, drops for deletions. */
  flush(writer: RowWriter, firstSeq: number, drops: number[]): Flushed {
    const flushed: Flushed = { recs: [], held: [], lossyRevision: this.lossyRevision };
    const waiting = [...this.#waiting.values()].sort(
      (a, b) => a.modRevision - b.modRevision || a.sub - b.sub,
    );
    for (const rec of waiting) {
      if (rec.seq !== notOnDisk) continue;
      if (rec.version > 0) {
        rec.seq = firstSeq + writer.count;
        writer.record(rec);
        flushed.recs.push(rec);
        if (rec.heldSeq > 0)
          flushed.held.push({ key: rec.key, seq: rec.seq, heldSeq: rec.heldSeq });
      } else {
        this.lossyRevision = Math.max(this.lossyRevision, rec.modRevision);
        dropRows(rec.prev, drops);
        rec.seq = settled;
        if (rec.heldSeq > 0) drops.push(rec.heldSeq);
      }
      rec.heldSeq = 0;
    }
    this.#waiting.clear();
    this.#bytes = 0;
    this.oldestMs = undefined;
    return flushed;
  }

  /**
   * The commit of a flush is done: what it replaced may go, before any newer row of the same key.
   */
  landed(flushed: Flushed, drops: number[]): void {
    const release = (seq: number, heldSeq: number): void => {
      const at = drops.indexOf(seq);
      drops.splice(at < 0 ? drops.length : at, 0, heldSeq);
    };
    for (const { seq, heldSeq } of flushed.held) release(seq, heldSeq);
    for (const rec of flushed.recs) {
      if (rec.heldSeq > 0) release(rec.seq, rec.heldSeq);
      rec.heldSeq = 0;
    }
  }

  /**
   * The commit of a flush failed: its records wait again unless something newer does, and hold what
   * they held. `renumber`: whoever let go of a new row meanwhile means the old one. Drops of
   * deletions stay queued: they only hasten the end of old versions.
   */
  restore(
    flushed: Flushed,
    parts: {
      isHead: (rec: Rec) => boolean;
      renumber: (key: string, from: number, to: number) => void;
      nowMs: number;
    },
  ): void {
    const held = new Map(flushed.held.map((each) => [each.seq, each]));
    for (const rec of flushed.recs) {
      const old = held.get(rec.seq);
      if (old !== undefined) {
        held.delete(rec.seq);
        rec.heldSeq = old.heldSeq;
      }
      // Compaction may have settled it in the meantime.
      if (rec.seq > 0) rec.seq = notOnDisk;
      if (parts.isHead(rec) && !this.#waiting.has(rec.key)) this.published(rec, parts.nowMs);
      else this.lossyRevision = Math.max(this.lossyRevision, rec.modRevision);
    }
    for (const { key, seq, heldSeq } of held.values()) parts.renumber(key, seq, heldSeq);
  }

  #remove(rec: Rec): void {
    this.#waiting.delete(rec.key);
    this.#bytes -= rec.size + rec.key.length;
    if (this.#waiting.size === 0) this.oldestMs = undefined;
  }
}

/** Queues the rows of a version and of all before it, oldest first. */
function dropRows(newest: Rec | undefined, drops: number[]): void {
  const rows: number[] = [];
  for (let rec = newest; rec !== undefined; rec = rec.prev) {
    if (rec.seq > 0) rows.push(rec.seq);
    else if (rec.heldSeq > 0) rows.push(rec.heldSeq);
    if (rec.seq !== notOnDisk || rec.heldSeq > 0) rec.seq = settled;
    rec.heldSeq = 0;
  }
  for (let i = rows.length - 1; i >= 0; i--) drops.push(rows[i] as number);
}
