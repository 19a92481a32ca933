import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import { GiveBack, quietHistoryMs } from '../give-back.ts';
import { openRow } from '../seal.ts';
import { HistoryWindow } from '../history-window.ts';
import { LeaseService, type LeaseWriter } from '../lease-service.ts';
import type { Rec } from '../record.ts';
import { Recovery } from '../recovery.ts';
import type { Row } from '../row.ts';
import type { State } from '../state.ts';
import { WatchHub } from '../watch-hub.ts';
import { checksumOf, type DatabaseTime, type Head, type LogRow } from './session.ts';
import { tidyValues } from '../tidy-values.ts';
import { afterTurn } from '../../io/turn.ts';

type LeaseRow = Extract<Row, { kind: 'lease' }>;

/** History that is processed in one turn of the event loop while compacting. */
const compactBudget = 5000;

export interface MemoryOptions {
  clock: Clock;
  log: Log;
  random: Random;
  time: DatabaseTime;
  historyMs: number;
  /** Most bytes of history; Infinity = no bound. */
  maxHistoryBytes: number;
  leases: LeaseWriter;
  /** History up to `revision` is old enough, or too much. */
  outgrown(revision: number): void;
  /** Rows became superfluous: `drops` of the state. */
  dropped(): void;
  /** The state is that of another log. */
  replaced(): void;
  /** Gives back what this process does not need any more. */
  collect(): void;
}

/**
 * The whole state in this server's memory, up to row `seq` of the log. Exchanged as a whole when it
 * cannot follow the log any more.
 */
export class Memory {
  readonly #options: MemoryOptions;
  state: State;
  hub: WatchHub;
  leases: LeaseService;
  #window: HistoryWindow;
  readonly #giveBack: GiveBack;
  /** The newest row that is published here, and what it is known by. */
  seq: number;
  checksum: number;
  #compacting = false;

  constructor(options: MemoryOptions, loaded: Loaded) {
    this.#options = options;
    this.seq = loaded.head.seq;
    this.checksum = loaded.checksum;
    this.state = loaded.state;
    this.hub = new WatchHub(loaded.state);
    this.leases = this.#leaseService();
    this.#window = this.#historyWindow();
    this.#giveBack = new GiveBack({
      clock: options.clock,
      revision: () => this.state.published,
      history: { bytes: () => this.state.historyBytes, shorten: () => this.#shortenHistory() },
      collect: options.collect,
    });
  }

  /**
   * Goes on with another state: nothing is known of what happened between the two, so every watch
   * ends.
   */
  replace(loaded: Loaded): void {
    const { hub } = this;
    this.#stopState();
    this.state = loaded.state;
    this.seq = loaded.head.seq;
    this.checksum = loaded.checksum;
    this.hub = new WatchHub(loaded.state);
    this.leases = this.#leaseService();
    this.#window = this.#historyWindow();
    this.#options.replaced();
    this.#options.dropped();
    hub.endAll({
      reason: 'compacted',
      compactRevision: Math.max(1, loaded.state.compactRevision, loaded.state.published),
    });
  }

  /**
   * Applies and publishes rows that others, or lost commits of our own, brought. They are whole
   * revisions and follow `seq`.
   */
  take(rows: LogRow[]): void {
    const recs: Rec[] = [];
    for (const { seq, bytes } of rows) {
      const { row } = openRow(seq, bytes);
      if (row.kind === 'record') {
        row.rec.seq = seq;
        row.rec.prev = this.state.index.get(row.rec.key);
        this.state.apply(row.rec);
        recs.push(row.rec);
      } else if (row.kind === 'lease') this.#takeLease(row, seq);
      this.seq = seq;
      this.checksum = checksumOf(bytes);
    }
    this.publish(recs);
  }

  /** Makes applied records visible. */
  publish(recs: Rec[]): void {
    const { state } = this;
    if (recs.length > 0) {
      state.publish(recs);
      state.head = Math.max(state.head, state.published);
      this.hub.dispatch(recs);
      this.#window.published(state.published);
      let bytes = 0;
      for (const rec of recs) bytes += rec.size;
      this.#giveBack.moved(bytes);
      if (state.historyBytes > this.#options.maxHistoryBytes && !this.#compacting)
        this.#cutHistory();
    }
    this.#options.dropped();
  }

  /** Follows the log's compaction, in pieces, so that requests get their turn in between. */
  compactTo(revision: number): void {
    const { state } = this;
    if (revision <= state.compactRevision) return;
    const before = state.historyBytes;
    const end = (): void => {
      this.#giveBack.moved(Math.max(0, before - state.historyBytes));
      this.#options.dropped();
      void tidyValues(state, () => this.state !== state);
    };
    let finished = state.compact(revision, compactBudget);
    if (finished) return end();
    if (this.#compacting) return this.#options.dropped();
    this.#compacting = true;
    const step = (): void => {
      if (this.state === state) finished = state.compact(state.compactRevision, compactBudget);
      if (!finished && this.state === state) return afterTurn(step);
      this.#compacting = false;
      end();
    };
    afterTurn(step);
  }

  stop(): void {
    this.#stopState();
    this.#giveBack.stop();
  }

  #stopState(): void {
    this.leases.stop();
    this.#window.stop();
  }

  #takeLease(row: LeaseRow, seq: number): void {
    const { state } = this;
    const known = state.leases.get(row.id);
    if (known !== undefined && known.seq > 0) state.drops.push(known.seq);
    if (row.ttlSeconds === 0) {
      state.leases.remove(row.id);
      state.drops.push(seq);
      return;
    }
    const { clock, time } = this.#options;
    const expiresAtMs =
      clock.monotonicMs() +
      Math.min(
        row.ttlSeconds * 1000,
        Math.max(0, row.grantedAtMs + row.ttlSeconds * 1000 - time.now()),
      );
    if (known === undefined) state.leases.add({ ...row, seq, expiresAtMs, keys: new Set() });
    else Object.assign(known, { seq, expiresAtMs });
    this.leases.arm(expiresAtMs);
  }

  /** Halves the history: what is older than its middle is compacted. */
  #cutHistory(): void {
    const { history, compactRevision, historyBytes } = this.state;
    const middle = history.at(history.length >> 1);
    if (middle === undefined || middle.modRevision <= compactRevision) return;
    this.#options.log.info('history is cut short to save memory', {
      bytes: historyBytes,
      revision: middle.modRevision,
    });
    this.#options.outgrown(middle.modRevision);
  }

  #shortenHistory(): void {
    const revision = this.#window.olderThan(quietHistoryMs(this.#options.historyMs));
    if (revision > this.state.compactRevision) this.#options.outgrown(revision);
  }

  #leaseService(): LeaseService {
    const { clock, random, leases } = this.#options;
    return new LeaseService({ book: this.state.leases, clock, random, writer: leases });
  }

  #historyWindow(): HistoryWindow {
    const { historyMs, clock } = this.#options;
    const window = new HistoryWindow(historyMs, clock, (revision) =>
      this.#options.outgrown(revision),
    );
    window.published(this.state.published);
    return window;
  }
}

export interface Loaded {
  state: State;
  head: Head;
  checksum: number;
}

/** Puts a state together from all rows of the log. */
export class Loading {
  readonly #recovery = new Recovery();
  readonly #leases = new Map<string, { row: LeaseRow; seq: number }>();
  readonly #superseded: number[] = [];
  #checksum = 0;

  add({ seq, bytes }: LogRow): void {
    const { row } = openRow(seq, bytes);
    this.#checksum = checksumOf(bytes);
    if (row.kind !== 'lease') return this.#recovery.add(seq, row);
    const known = this.#leases.get(row.id);
    if (known !== undefined) this.#superseded.push(known.seq);
    if (row.ttlSeconds > 0) {
      this.#leases.set(row.id, { row, seq });
    } else {
      this.#leases.delete(row.id);
      this.#superseded.push(seq);
    }
  }

  finish(head: Head, clock: Clock, time: DatabaseTime): Loaded {
    for (const { row, seq } of this.#leases.values()) this.#recovery.add(seq, row);
    const seal = {
      revision: head.revision,
      ceiling: head.revision,
      horizon: head.compact,
      clean: true,
    };
    const { state } = this.#recovery.finish(seal, {
      now: () => time.now(),
      monotonicMs: () => clock.monotonicMs(),
    });
    for (const seq of this.#superseded) state.drops.push(seq);
    return { state, head, checksum: this.#checksum };
  }
}
