import type { Clock, Timer } from '../io/clock.ts';
import { StoreError } from './errors.ts';
import type { Journal, Seal } from './journal.ts';
import type { Lease } from './leases.ts';
import type { Rec } from './record.ts';
import { RowWriter } from './row.ts';
import { type Flushed, SoftBook } from './soft.ts';
import type { State } from './state.ts';
import type { WatchHub } from './watch-hub.ts';
import { afterTurn } from '../io/turn.ts';

/**
 * Soft revisions that may be handed out before the next commit; a commit raises the ceiling by so
 * many.
 */
const ceilingStep = 100_000;
/** A commit is forced when this much of the step is left. */
const ceilingReserve = 20_000;
/**
 * Waiting soft state is taken along by a hard commit when it is this old, and flushed by itself at
 * the second age or size.
 */
const softRideMs = 150_000;
export const softFlushMs = 300_000;
const softMostBytes = 16 * 1024 * 1024;
/**
 * When many clients write at once, a load waits this share of a commit's time (and no longer than
 * the bound) for those who were just answered to come back: else the first of them would start a
 * commit alone, and the rest wait for two. A single writer never waits.
 */
const gatherShare = 0.3;
const gatherMostMs = 5;
const gatherLeastMs = 0.5;
/**
 * A lone writer's commit on a disk that takes less than this is waited for awake: about what
 * sleeping and waking cost.
 */
const awakeMostMs = 0.5;
/** Old rows deleted with one commit: bounds how long it takes. */
const dropsPerBatch = 2000;

type Waiter = (error: StoreError | undefined) => void;

/** Applied work that is not published. Its rows are committed together. */
interface Load {
  rows: RowWriter;
  recs: Rec[];
  waiters: Waiter[];
  undo: (() => void)[];
  flushed: Flushed | undefined;
  /** Rows that this load's own work makes needless; forgotten when it fails. */
  drops: number[];
  /** Rows taken from the state's queue; put back when it fails. */
  pruned: number[];
  /** A commit is wanted even without rows: to make a compaction, a ceiling or the end durable. */
  seal: boolean;
}

/**
 * Group commit: work gathers in the forming load while the one before it is in flight. Publication
 * follows the commits, in order of revision.
 */
export class Pipeline {
  readonly soft = new SoftBook();
  readonly #state: State;
  readonly #hub: WatchHub;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #onPublished: (recs: Rec[]) => void;
  #forming: Load = newLoad();
  #flight: Load | undefined;
  #scheduled = false;
  #nextSeq: number;
  /** The row of the newest seal if it holds nothing else; the next batch deletes it. */
  #sealRow = 0;
  #ceiling: number;
  /** True once somebody wrote soft state: only then are revisions reserved. */
  #softInUse = false;
  #flushWanted = false;
  /** Who wrote lately: how many waited for the last commit, or gathered meanwhile. */
  #crowd = 0;
  /** How long a commit takes, smoothed. */
  #commitMs = 0;
  #gathering: Timer | undefined;
  #closing = false;
  #idle: (() => void)[] = [];
  /** The writer of the last batch, for the next one. */
  #spare: RowWriter | undefined;

  constructor(parts: {
    state: State;
    hub: WatchHub;
    journal: Journal;
    clock: Clock;
    nextSeq: number;
    onPublished: (recs: Rec[]) => void;
  }) {
    this.#state = parts.state;
    this.#hub = parts.hub;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#nextSeq = parts.nextSeq;
    this.#ceiling = parts.state.head;
    this.#onPublished = parts.onPublished;
  }

  /**
   * Takes applied records; resolves when they are published (rejects when they could not be made
   * durable).
   */
  async write(recs: Rec[], soft: boolean): Promise<void> {
    const load = this.#forming;
    this.#state.head = (recs[0] as Rec).modRevision;
    if (soft && this.#mayBeSoft()) {
      if (load.recs.length === 0 && this.#flight === undefined && !wantsCommit(load))
        return this.#publish(recs);
    } else {
      for (const rec of recs) {
        rec.seq = this.#seqOf(load);
        load.rows.record(rec);
      }
    }
    // One by one: a deletion may hold more records than a call may have arguments. So wherever
    // lists are joined here.
    for (const rec of recs) load.recs.push(rec);
    return this.settled();
  }

  /** Adds the row of a lease. */
  lease(lease: Lease): void {
    const load = this.#forming;
    const before = lease.seq;
    lease.seq = this.#seqOf(load);
    load.rows.lease(lease);
    if (before > 0) load.drops.push(before);
    load.undo.push(() => (lease.seq = before));
  }

  /** True when the row is part of the forming load. */
  forms(seq: number): boolean {
    return seq >= this.#nextSeq;
  }

  /** Deletes the row of a lease that is gone. */
  leaseGone(lease: Lease): void {
    if (lease.seq > 0) this.#forming.drops.push(lease.seq);
  }

  /** Writes the row of a record again, as it is encrypted now. */
  rewrite(rec: Rec): void {
    const load = this.#forming;
    const before = rec.seq;
    const after = this.#seqOf(load);
    rec.seq = after;
    load.rows.record(rec);
    load.drops.push(before);
    load.undo.push(() => {
      if (rec.seq === after) rec.seq = before;
      else this.#renumber(rec.key, after, before);
    });
  }

  /**
   * Compaction has let go of a row under a number that it never got. It keeps its place in the
   * queue: what is behind it must not go first.
   */
  #renumber(key: string, from: number, to: number): void {
    const { drops, index } = this.#state;
    const at = drops.indexOf(from);
    if (at >= 0) drops[at] = to;
    for (let rec = index.get(key); rec !== undefined; rec = rec.prev)
      if (rec.heldSeq === from) rec.heldSeq = to;
  }

  /** Something to do, besides undoing records, if the forming load fails. */
  onUndo(undo: () => void): void {
    this.#forming.undo.push(undo);
  }

  /** Resolves when all that was applied so far is durable and published. */
  settled(): Promise<void> {
    if (this.#flight === undefined && isEmpty(this.#forming)) return Promise.resolve();
    this.#schedule();
    // With an empty forming load this waits for the one in flight: an empty load is settled without
    // a commit.
    return new Promise((resolve, reject) => {
      this.#forming.waiters.push((error) => (error === undefined ? resolve() : reject(error)));
      if (this.#gathering !== undefined && this.#enough()) this.#schedule();
    });
  }

  /** Commits a seal even if there is nothing else; resolves when it is durable. */
  sync(): Promise<void> {
    this.#forming.seal = true;
    return this.settled();
  }

  /** Writes waiting soft state to disk, with what is on its way to being published. */
  async flush(): Promise<void> {
    await this.settled();
    if (this.soft.size === 0 && this.#state.drops.length === 0) return;
    this.#flushWanted = true;
    return this.sync();
  }

  /** Deletes dropped rows in the background until few are left. */
  prune(): void {
    if (
      this.#state.drops.length >= dropsPerBatch / 2 &&
      this.#flight === undefined &&
      isEmpty(this.#forming)
    )
      void this.sync().catch(() => undefined);
  }

  /** Flushes, writes the clean seal and lets nothing else in. */
  async close(): Promise<void> {
    // What is on its way may be soft; if it fails, those who wait for it are told.
    await this.settled().catch(() => undefined);
    while (this.#state.drops.length > 0 || this.soft.size > 0) await this.flush();
    this.#closing = true;
    await this.sync();
  }

  /** Resolves when no commit is under way. */
  async quiet(): Promise<void> {
    if (this.#flight !== undefined) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #seqOf(load: Load): number {
    return this.#nextSeq + load.rows.count;
  }

  /**
   * True when a soft write may be published without a commit: its revision lies below a durable
   * ceiling.
   */
  #mayBeSoft(): boolean {
    this.#softInUse = true;
    const left = this.#ceiling - this.#state.head;
    if (left < ceilingReserve) {
      this.#forming.seal = true;
      this.#schedule();
    }
    return left > 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#flight !== undefined) return;
    this.#scheduled = true;
    // At the end of this turn of the event loop, so that all requests that arrived together share
    // the commit.
    afterTurn(() => {
      this.#scheduled = false;
      if (this.#flight === undefined && !isEmpty(this.#forming)) this.#gather();
    });
  }

  /** Sends the forming load now, or when enough of those who are expected have joined it. */
  #gather(): void {
    const waitMs = Math.min(gatherMostMs, this.#commitMs * gatherShare);
    if (this.#enough() || waitMs < gatherLeastMs) return this.#send();
    if (this.#gathering !== undefined) return;
    this.#journal.hold(true);
    this.#gathering = this.#clock.after('store.gather', waitMs, () => this.#send());
  }

  #enough(): boolean {
    return this.#forming.waiters.length * 2 >= this.#crowd;
  }

  #send(): void {
    if (this.#gathering !== undefined) {
      this.#gathering.cancel();
      this.#gathering = undefined;
      this.#journal.hold(false);
    }
    if (this.#flight !== undefined) return;
    const load = this.#forming;
    if (!wantsCommit(load)) {
      this.#forming = newLoad();
      return this.#done(load);
    }
    const nowMs = this.#clock.monotonicMs();
    const age = this.soft.oldestMs === undefined ? 0 : nowMs - this.soft.oldestMs;
    if (this.#flushWanted || age >= softRideMs || this.soft.bytes > softMostBytes)
      load.flushed = this.soft.flush(load.rows, this.#nextSeq, this.#state.drops);
    this.#flushWanted = false;
    this.#state.flushing = load.flushed && new Set(load.flushed.recs);
    load.pruned = this.#state.drops.splice(0, this.#droppable());
    if (this.#sealRow > 0) load.pruned.push(this.#sealRow);
    this.#sealRow = 0;
    this.#forming = newLoad(this.#spare);
    this.#spare = undefined;
    this.#flight = load;
    void this.#commit(load);
  }

  /**
   * How many of the waiting drops may go with this commit: in order, and none that it brings
   * itself.
   */
  #droppable(): number {
    const { drops } = this.#state;
    const most = Math.min(drops.length, dropsPerBatch);
    for (let i = 0; i < most; i++) if ((drops[i] as number) >= this.#nextSeq) return i;
    return most;
  }

  async #commit(load: Load): Promise<void> {
    const seal = this.#seal(load);
    const rowCount = load.rows.count;
    const firstSeq = this.#nextSeq;
    // What this load both brings and makes needless (a lease granted and revoked at once) goes with
    // a later one.
    const own = load.drops.filter((seq) => seq >= firstSeq);
    const deletes = Float64Array.from([
      ...load.pruned,
      ...load.drops.filter((seq) => seq < firstSeq),
    ]);
    // A load without rows gets one from the journal: the seal needs a place.
    this.#nextSeq += Math.max(1, rowCount);
    const startedMs = this.#clock.monotonicMs();
    try {
      await this.#journal.commit({
        rows: load.rows.finish(),
        rowCount,
        firstSeq,
        deletes,
        seal,
        awake: load.waiters.length === 1 && this.#commitMs < awakeMostMs,
      });
    } catch (error) {
      return this.#failed(
        load,
        error instanceof StoreError
          ? error
          : new StoreError('UNAVAILABLE', String(error), { op: 'commit', cause: error }),
      );
    }
    this.#commitMs += (this.#clock.monotonicMs() - startedMs - this.#commitMs) / 4;
    this.#crowd = load.waiters.length + this.#forming.waiters.length;
    this.#spare = load.rows.reset();
    this.#flight = undefined;
    this.#state.flushing = undefined;
    if (load.flushed) this.soft.landed(load.flushed, this.#state.drops);
    for (const seq of own) this.#state.drops.push(seq);
    this.#ceiling = seal.ceiling;
    if (rowCount === 0) this.#sealRow = firstSeq;
    this.#done(load);
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
    if (!isEmpty(this.#forming)) this.#gather();
    else this.prune();
  }

  #seal(load: Load): Seal {
    const revision =
      load.recs.length > 0
        ? (load.recs[load.recs.length - 1] as Rec).modRevision
        : this.#state.published;
    const ceiling =
      this.#softInUse && !this.#closing
        ? Math.max(this.#ceiling, revision + ceilingStep)
        : revision;
    return {
      revision,
      ceiling,
      horizon: Math.max(this.#state.compactRevision, this.soft.lossyRevision),
      clean: this.#closing,
    };
  }

  #done(load: Load): void {
    this.#publish(load.recs);
    for (const waiter of load.waiters) waiter(undefined);
  }

  #publish(recs: Rec[]): void {
    if (recs.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    this.#state.publish(recs);
    // even a hard write ends what waits
    for (const rec of recs) if (rec.soft || this.soft.size > 0) this.soft.published(rec, nowMs);
    this.#hub.dispatch(recs);
    this.#onPublished(recs);
    if (this.soft.bytes > softMostBytes) void this.flush().catch(() => undefined);
  }

  /** Takes back all that is not published, newest first, and says so to everybody who waits. */
  #failed(load: Load, error: StoreError): void {
    const late = this.#forming;
    for (const undone of [late, load]) {
      for (let i = undone.recs.length - 1; i >= 0; i--) this.#state.undo(undone.recs[i] as Rec);
      for (let i = undone.undo.length - 1; i >= 0; i--) (undone.undo[i] as () => void)();
    }
    this.#state.head = this.#state.published;
    this.#state.drops.unshift(...load.pruned);
    this.#state.flushing = undefined;
    if (load.flushed)
      this.soft.restore(load.flushed, {
        isHead: (rec) => this.#state.index.get(rec.key) === rec,
        renumber: (...row) => this.#renumber(...row),
        nowMs: this.#clock.monotonicMs(),
      });
    this.#forming = newLoad();
    this.#flight = undefined;
    for (const waiter of [...load.waiters, ...late.waiters]) waiter(error);
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function newLoad(rows = new RowWriter()): Load {
  return {
    rows,
    recs: [],
    waiters: [],
    undo: [],
    flushed: undefined,
    drops: [],
    pruned: [],
    seal: false,
  };
}

function wantsCommit(load: Load): boolean {
  return load.seal || load.rows.count > 0 || load.drops.length > 0;
}

function isEmpty(load: Load): boolean {
  return !wantsCommit(load) && load.recs.length === 0 && load.waiters.length === 0;
}
