import type { Clock } from '../io/clock.ts';
import { LeaseBook } from './leases.ts';
import { StoreError } from './errors.ts';
import type { Seal } from './journal.ts';
import { type Census, hashOfSeq, type LogSeal, openRow } from './seal.ts';
import type { RowCipher } from './row.ts';
import type { Rec } from './record.ts';
import type { Row } from './row.ts';
import { State } from './state.ts';

export interface Recovered {
  state: State;
  nextSeq: number;
  /** True when the store was not closed in order. */
  unclean: boolean;
}

/**
 * Reads a whole log, checks every row and the last seal, and puts the state together. Throws
 * StoreError CORRUPT.
 */
export function recover(
  log: Iterable<[seq: number, row: Buffer]>,
  clock: Clock,
  cipher?: RowCipher,
): { recovered: Recovered; census: Census } {
  const recovery = new Recovery();
  const census: Census = { rows: 0, hash: 0 };
  let seal: LogSeal | undefined;
  for (const [seq, bytes] of log) {
    const opened = openRow(seq, bytes, cipher);
    census.rows++;
    census.hash = (census.hash ^ hashOfSeq(seq)) >>> 0;
    seal = opened.seal;
    recovery.add(seq, opened.row);
  }
  if (census.rows > 0 && seal === undefined)
    throw new StoreError('CORRUPT', 'the log does not end with a seal', { op: 'open' });
  if (seal !== undefined && (seal.rows !== census.rows || seal.hash !== census.hash)) {
    throw new StoreError(
      'CORRUPT',
      `the log has ${census.rows} rows where its seal knows ${seal.rows}`,
      { op: 'open' },
    );
  }
  return { recovered: recovery.finish(seal, clock), census };
}

/** Puts a State together from the rows of a log, in any order. */
export class Recovery {
  readonly #recs: Rec[] = [];
  readonly #leases: (Extract<Row, { kind: 'lease' }> & { seq: number })[] = [];
  readonly #stale: number[] = [];
  #lastSeq = 0;

  add(seq: number, row: Row): void {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    if (row.kind === 'record') {
      row.rec.seq = seq;
      this.#recs.push(row.rec);
    } else if (row.kind === 'lease') {
      this.#leases.push({ ...row, seq });
    } else {
      this.#stale.push(seq);
    }
  }

  /** `seal` is the last one of the log; undefined for a new log. */
  finish(seal: Seal | undefined, clock: Pick<Clock, 'now' | 'monotonicMs'>): Recovered {
    const state = new State(new LeaseBook());
    const unclean = seal !== undefined && !seal.clean;
    this.#addLeases(state, clock);
    // Soft state and moved rows come late in the log, so its order is nearly, but not quite, that
    // of revisions.
    this.#recs.sort((a, b) => a.modRevision - b.modRevision || a.sub - b.sub);
    for (const rec of this.#recs) {
      const head = state.index.get(rec.key);
      rec.prev = head;
      state.apply(rec);
    }
    state.publish(this.#recs);
    const newest = seal === undefined ? 1 : seal.ceiling;
    state.head = Math.max(state.published, newest);
    state.published = state.head;
    const horizon =
      seal === undefined ? -1 : seal.ceiling > seal.revision ? seal.ceiling : seal.horizon;
    if (horizon >= 0) state.compact(horizon);
    // Rows that hold nothing but a seal have done their duty once the next batch brings a newer
    // one.
    for (const seq of this.#stale) state.drops.push(seq);
    return { state, nextSeq: this.#lastSeq + 1, unclean };
  }

  #addLeases(state: State, clock: Pick<Clock, 'now' | 'monotonicMs'>): void {
    const nowMs = clock.now();
    for (const { id, ttlSeconds, grantedAtMs, kept, seq } of this.#leases) {
      const fullMs = ttlSeconds * 1000;
      // A newer row of the same lease was meant to replace the older one.
      const older = state.leases.get(id);
      if (older !== undefined) {
        state.drops.push(older.seq);
        state.leases.remove(id);
      }
      // A clock that was set back must not lengthen a lease.
      const leftMs = kept ? fullMs : Math.min(fullMs, Math.max(0, grantedAtMs + fullMs - nowMs));
      state.leases.add({
        id,
        ttlSeconds,
        grantedAtMs,
        kept,
        seq,
        keys: new Set(),
        expiresAtMs: clock.monotonicMs() + leftMs,
      });
    }
  }
}
