import { invariant } from '../base/assert.ts';
import { compacted, futureRevision } from './errors.ts';
import { History } from './history.ts';
import { KeyIndex } from './key-index.ts';
import { notOnDisk, type Rec, settled, versionAt } from './record.ts';
import type { LeaseBook } from './leases.ts';

/** What a version takes besides its key and value: the record and its places in lists. */
const recordBytes = 200;
const costOf = (rec: Rec): number => rec.key.length + rec.size + recordBytes;

/**
 * The key space: pure, synchronous, in memory. Writes are applied at `head`; `publish` moves
 * `published` after them when they are durable; `undo` takes them back when they could not be made
 * so.
 */
export class State {
  readonly index = new KeyIndex();
  readonly history = new History();
  readonly leases: LeaseBook;
  head = 1;
  published = 1;
  /**
   * Revisions below this cannot be read any more; -1 = nothing was ever compacted (0 can be, once,
   * as in etcd).
   */
  compactRevision = -1;
  /** About how much memory the versions take that are only history. */
  historyBytes = 0;
  /** Rows of the log that nobody needs any more, oldest first. */
  readonly drops: number[] = [];
  /** Records whose first rows are being written. */
  flushing: ReadonlySet<Rec> | undefined;

  constructor(leases: LeaseBook) {
    this.leases = leases;
    this.index.liveIn = (heads) => {
      let live = 0;
      for (const head of heads) if (this.lives(head)) live++;
      return live;
    };
  }

  /** True when the key of `head` exists at the published revision. */
  readonly lives = (head: Rec): boolean => versionAt(head, this.published) !== undefined;

  /**
   * Checks a revision that somebody wants to read at, against `newest`; 0 and below mean newest.
   */
  readable(revision: number | undefined, newest: number): number {
    if (revision === undefined || revision <= 0) return newest;
    if (revision > newest) throw futureRevision();
    if (revision < this.compactRevision) throw compacted();
    return revision;
  }

  /** Makes `rec` the newest version of its key. */
  apply(rec: Rec): void {
    if (rec.prev !== undefined && rec.prev.lease !== '0' && rec.prev.lease !== rec.lease)
      this.leases.detach(rec.prev.lease, rec.key);
    if (rec.lease !== '0') this.leases.attach(rec.lease, rec.key);
    this.index.set(rec);
  }

  /** Takes back the newest applied record. */
  undo(rec: Rec): void {
    invariant(
      this.index.get(rec.key) === rec && rec.modRevision > this.published,
      'only the newest unpublished record can be undone',
      'undo',
    );
    rec.release();
    if (rec.lease !== '0') this.leases.detach(rec.lease, rec.key);
    if (rec.prev === undefined) {
      this.index.delete(rec.key);
    } else {
      this.index.set(rec.prev);
      if (rec.prev.lease !== '0') this.leases.attach(rec.prev.lease, rec.key);
    }
  }

  /** Makes applied records visible. They come in order of revision, whole revisions at a time. */
  publish(recs: Rec[]): void {
    for (const rec of recs) {
      const lived = rec.prev !== undefined && rec.prev.version > 0;
      const lives = rec.version > 0;
      if (lived !== lives) this.index.addLive(rec.key, lives ? 1 : -1);
      this.history.push(rec);
      if (rec.prev !== undefined) this.historyBytes += costOf(rec.prev);
      this.published = rec.modRevision;
    }
  }

  /**
   * Compacts to `revision`: the newest state at it stays readable. At most `budget` records of
   * history are processed; false = call again.
   */
  compact(revision: number, budget = Infinity): boolean {
    if (revision > this.compactRevision) this.compactRevision = revision;
    for (
      let first = this.history.at(0);
      first !== undefined && first.modRevision < this.compactRevision;
      first = this.history.at(0)
    ) {
      if (budget-- <= 0) return false;
      this.#supersede(first);
      if (first.version === 0) this.#bury(first);
      this.history.shift();
    }
    // A watch may still start at the compacted revision itself, so its records stay, without what
    // they replaced.
    for (
      let i = 0, rec = this.history.at(0);
      rec !== undefined && rec.modRevision === this.compactRevision;
      rec = this.history.at(++i)
    )
      this.#supersede(rec);
    return true;
  }

  /**
   * Moves values together that keep much memory alive; at most `budget` keys from `from` on, then
   * returns the key to go on with.
   */
  tidy(from: string, budget: number): string | undefined {
    let next: string | undefined;
    this.index.scan(from, '\0', (head) => {
      if (budget-- <= 0) {
        next = head.key;
        return false;
      }
      for (let rec: Rec | undefined = head; rec !== undefined; rec = rec.prev) rec.tidy();
      return true;
    });
    return next;
  }

  /** Drops what `rec` replaced. */
  #supersede(rec: Rec): void {
    const old = rec.prev;
    if (old === undefined) return;
    rec.prev = undefined;
    this.historyBytes -= costOf(old);
    old.release();
    const row = old.seq > 0 ? old.seq : old.heldSeq;
    if (row === 0) return;
    if (old.seq > 0 && old.heldSeq > 0) this.drops.push(old.heldSeq);
    old.seq = settled;
    old.heldSeq = 0;
    // While `rec` itself is only in memory, the older row is all that a power cut would leave of
    // the key.
    if (rec.seq === notOnDisk || this.flushing?.has(rec)) rec.heldSeq = row;
    else this.drops.push(row);
  }

  /** Removes a deletion that nobody can read any more. */
  #bury(tombstone: Rec): void {
    const row = tombstone.seq > 0 ? tombstone.seq : tombstone.heldSeq;
    if (row > 0) this.drops.push(row);
    tombstone.seq = settled;
    tombstone.heldSeq = 0;
    const head = this.index.get(tombstone.key);
    if (head === tombstone) {
      this.index.delete(tombstone.key);
      return;
    }
    let next = head;
    while (next !== undefined && next.prev !== tombstone) next = next.prev;
    if (next !== undefined) next.prev = undefined;
  }
}
