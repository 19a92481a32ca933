import type { StoreContents } from './bolt/etcd-file.ts';
import type { Clock } from '../io/clock.ts';
import { collectGarbage } from '../io/collect-garbage.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import type { Encryption } from './cipher.ts';
import { closed, compacted, futureRevision, leaseNotFound } from './errors.ts';
import { onlyReads, Write } from './evaluate.ts';
import { GiveBack, quietHistoryMs } from './give-back.ts';
import { hashKv } from './hash-kv.ts';
import { HistoryWindow } from './history-window.ts';
import type { Journal, RoomState } from './journal.ts';
import { LeaseService } from './lease-service.ts';
import type { Lease } from './leases.ts';
import { Pipeline, softFlushMs } from './pipeline.ts';
import { Room } from './room.ts';
import { range } from './range.ts';
import type { Rec } from './record.ts';
import type { Recovered } from './recovery.ts';
import { prefixEnd } from './store.ts';
import type * as s from './store.ts';
import type { State } from './state.ts';
import { inOrder, versionsOf } from './versions.ts';
import { tidyValues } from './tidy-values.ts';
import { WatchHub } from './watch-hub.ts';
import { turn } from '../io/turn.ts';

/** History that is processed in one turn of the event loop while compacting. */
const compactBudget = 5000;
/**
 * History beyond this is cut before its time: sustained writing must not eat the memory. It takes
 * more than 300 versions of a kilobyte a second to get there.
 */
const maxHistoryBytes = 96 * 1024 * 1024;
/** And beyond this while the disk is full: what history lets go of is room for what comes. */
const scarceHistoryBytes = 256 * 1024;
/** Rows that a change of keys writes with one commit. */
const rewriteBatch = 200;

export interface LogStoreOptions {
  journal: Journal;
  recovered: Recovered;
  clock: Clock;
  log: Log;
  random: Random;
  /** How much history is kept; 0 = all, until somebody compacts. */
  historyMs: number;
  maxHistoryBytes?: number;
  collectGarbage?: () => void;
  /** What the start found; unsaid, all is well. */
  initialRoom?: RoomState | undefined;
}

/** The Store on a log: evaluates in memory, answers when the journal has it. */
export class LogStore implements s.Store {
  readonly #state: State;
  readonly #hub: WatchHub;
  readonly #pipeline: Pipeline;
  readonly #leases: LeaseService;
  readonly #window: HistoryWindow;
  readonly #journal: Journal;
  /** Whether the disk has room for writes. */
  readonly room: Room;
  readonly #giveBack: GiveBack;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxHistoryBytes: number;
  readonly #historyMs: number;
  #softTimer = false;
  #compacting = false;
  #closed = false;

  constructor(options: LogStoreOptions) {
    this.#state = options.recovered.state;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#historyMs = options.historyMs;
    this.room = new Room(options);
    this.#giveBack = new GiveBack({
      clock: options.clock,
      revision: () => this.revision,
      history: { bytes: () => this.#state.historyBytes, shorten: () => this.#shortenHistory() },
      collect: () => void this.#shrink(options.collectGarbage ?? collectGarbage),
    });
    this.#maxHistoryBytes =
      options.historyMs > 0 ? (options.maxHistoryBytes ?? maxHistoryBytes) : Infinity;
    this.#hub = new WatchHub(this.#state);
    this.#window = new HistoryWindow(
      options.historyMs,
      options.clock,
      (revision) => void this.#compactTo(revision),
    );
    const { nextSeq } = options.recovered;
    this.#pipeline = new Pipeline({
      state: this.#state,
      hub: this.#hub,
      journal: options.journal,
      clock: options.clock,
      nextSeq,
      onPublished: (recs) => this.#published(recs),
    });
    this.#leases = new LeaseService({
      book: this.#state.leases,
      clock: options.clock,
      random: options.random,
      writer: {
        save: (lease, undo) => this.#saveLease(lease, undo),
        end: (lease, lazily) => this.#endLease(lease, lazily),
      },
    });
    this.#window.published(this.#state.published);
  }

  get revision(): number {
    return this.#state.published;
  }

  get compactRevision(): number {
    return Math.max(0, this.#state.compactRevision);
  }

  async range(request: s.RangeRequest): Promise<s.RangeResponse> {
    this.#open();
    return this.#range(request);
  }

  async put(request: s.PutRequest): Promise<s.PutResponse> {
    return await this.#write((write) => write.put(request));
  }

  async deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse> {
    return await this.#write((write) => write.deleteRange(request));
  }

  async txn(request: s.TxnRequest): Promise<s.TxnResponse> {
    if (onlyReads(request)) {
      this.#open();
      return new Write(this.#state, { base: this.#state.published }).txn(request);
    }
    return await this.#write((write) => write.txn(request));
  }

  watch(request: s.WatchRequest): s.Watch {
    this.#open();
    return this.#hub.watch(request);
  }

  async compact(revision: number): Promise<void> {
    this.#open();
    if (revision <= this.#state.compactRevision) throw compacted();
    if (revision > this.#state.published) throw futureRevision();
    await this.#compactTo(revision);
    await this.#pipeline.sync();
  }

  async leaseGrant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }> {
    this.#open();
    return await this.#leases.grant(request);
  }

  async leaseRevoke(id: string): Promise<void> {
    this.#open();
    await this.#leases.revoke(id);
  }

  async leaseKeepAlive(id: string): Promise<{ ttlSeconds: number }> {
    this.#open();
    return await this.#leases.keepAlive(id);
  }

  async leaseTimeToLive(
    id: string,
    options: { keys?: boolean } = {},
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: string[] }> {
    this.#open();
    return this.#leases.timeToLive(id, options.keys ?? false);
  }

  async leases(): Promise<string[]> {
    this.#open();
    return [...this.#state.leases.all()].map((lease) => lease.id);
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    this.#open();
    return await this.#journal.size();
  }

  /**
   * Encrypts with the first of these keys from now on (or not at all) and rewrites what was
   * written otherwise, a little at a time. When it resolves, only the first key is needed, and
   * nothing written before is left in the file.
   */
  async encrypt(
    encryption: Encryption,
    progress?: (done: number, total: number) => void,
  ): Promise<void> {
    this.#open();
    await this.#journal.encrypt(encryption);
    // What was on its way when the keys changed is found below only when it is published.
    await this.#pipeline.settled();
    const recs: Rec[] = [];
    for (const prefix of encryption.prefixes) {
      this.#state.index.scan(prefix, prefixEnd(prefix), (head) => {
        for (let rec: Rec | undefined = head; rec !== undefined; rec = rec.prev)
          if (rec.modRevision <= this.#state.published) recs.push(rec);
        return true;
      });
    }
    for (let at = 0; at < recs.length; at += rewriteBatch) {
      progress?.(at, recs.length);
      for (const rec of recs.slice(at, at + rewriteBatch))
        if (rec.seq > 0 && rec.version > 0) this.#pipeline.rewrite(rec);
      await this.#pipeline.settled();
    }
    // Rows that compaction let go of before are still in the file until they are deleted, some with
    // each commit.
    for (
      let left = this.#state.drops.length;
      left > 0 && this.#state.drops.length > 0;
      left -= rewriteBatch
    )
      await this.#pipeline.flush();
    await this.#pipeline.flush();
    // Deleted rows leave their bytes in free pages: the file is rewritten without them.
    await this.#journal.defragment();
    progress?.(recs.length, recs.length);
  }

  /** Resolves when everything, soft state included, is on disk. */
  async flushed(): Promise<void> {
    this.#open();
    await this.#pipeline.flush();
  }

  /** Gives free space back to the file system; writes wait meanwhile. */
  async defragment(): Promise<void> {
    this.#open();
    await this.#journal.defragment();
  }

  /** A copy of the newest durable state, waiting soft state included, as one file. */
  async snapshot(path: string): Promise<void> {
    this.#open();
    await this.#pipeline.flush();
    await this.#journal.snapshot(path);
  }

  /** etcd's hash of everything up to `revision` (0 = newest). */
  hashKv(revision: number): { hash: number; revision: number; compactRevision: number } {
    this.#open();
    const at = this.#state.readable(revision, this.#state.published);
    return {
      hash: hashKv(this.#state, at),
      revision: at,
      compactRevision: this.#state.compactRevision,
    };
  }

  /** Everything that can be read, at this moment; the leases with the time they have left. */
  async contents(): Promise<StoreContents> {
    this.#open();
    const nowMs = this.#clock.monotonicMs();
    const leases = [...this.#state.leases.all()].map((lease) => ({
      id: lease.id,
      ttlSeconds: lease.ttlSeconds,
      remainingSeconds: Math.max(1, Math.ceil((lease.expiresAtMs - nowMs) / 1000)),
    }));
    const now = { revision: this.revision, compactRevision: this.compactRevision, leases };
    return { ...now, recs: await inOrder(versionsOf(this.#state)) };
  }

  /** How many watches there are, for tests and metrics. */
  get watches(): number {
    return this.#hub.size;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.stop();
    this.room.stop();
    this.#giveBack.stop();
    this.#window.stop();
    try {
      await this.#pipeline.close();
    } finally {
      this.#hub.endAll({ reason: 'closed' });
      await this.#journal.close();
    }
  }

  #open(): void {
    if (this.#closed) throw closed();
  }

  #range(request: s.RangeRequest): s.RangeResponse {
    const { published } = this.#state;
    const at = this.#state.readable(request.revision, published);
    const view = { index: this.#state.index, at, revision: published };
    return range(at === published ? { ...view, lives: this.#state.lives } : view, request);
  }

  async #write<T>(evaluate: (write: Write) => T): Promise<T> {
    this.#open();
    const write = new Write(this.#state, { readOnly: this.room.state === 'read-only' });
    let response: T;
    try {
      response = evaluate(write);
      const refusal = this.room.refusal(write.recs, write.soft);
      if (refusal) throw refusal;
    } catch (error) {
      for (let i = write.recs.length - 1; i >= 0; i--) this.#state.undo(write.recs[i] as Rec);
      throw error;
    }
    // A write that changed nothing may have seen what is not durable yet, so it waits for it all
    // the same.
    if (write.recs.length > 0) await this.#pipeline.write(write.recs, write.soft);
    else await this.#pipeline.settled();
    return response;
  }

  #published(recs: Rec[]): void {
    this.#window.published(this.#state.published);
    let bytes = 0;
    for (const rec of recs) bytes += rec.size;
    this.#giveBack.moved(bytes);
    const most =
      this.room.state === 'ample'
        ? this.#maxHistoryBytes
        : Math.min(scarceHistoryBytes, this.#maxHistoryBytes);
    if (this.#state.historyBytes > most && !this.#compacting) this.#cutHistory();
    if (this.#softTimer || this.#pipeline.soft.size === 0 || recs.length === 0) return;
    this.#softTimer = true;
    this.#clock.after('store.flush', softFlushMs, () => {
      this.#softTimer = false;
      if (!this.#closed)
        void this.#pipeline
          .flush()
          .catch((error: unknown) => this.#log.warn('cannot write soft state', { error }));
    });
  }

  #shortenHistory(): void {
    const revision = this.#window.olderThan(quietHistoryMs(this.#historyMs));
    if (revision > this.#state.compactRevision) void this.#compactTo(revision);
  }

  /**
   * Gives back what is not needed any more: rows, a batch with each commit, then garbage, then
   * memory and room on the disk.
   */
  async #shrink(collect: () => void): Promise<void> {
    try {
      for (let before = Infinity; !this.#closed && this.#state.drops.length < before;) {
        before = this.#state.drops.length;
        if (before > 0) await this.#pipeline.sync();
      }
      collect();
      if (!this.#closed) await this.#journal.giveBack?.();
    } catch (error) {
      // A disk that takes no commits says so elsewhere.
      this.#log.debug('room was not given back', { error });
    }
  }

  /** Halves the history: what is older than its middle is compacted. */
  #cutHistory(): void {
    const { history } = this.#state;
    const middle = history.at(history.length >> 1);
    if (middle === undefined || middle.modRevision <= this.#state.compactRevision) return;
    this.#log.debug('history is cut short to save room', {
      bytes: this.#state.historyBytes,
      revision: middle.modRevision,
    });
    void this.#compactTo(middle.modRevision);
  }

  // One commit cannot both bring a row and delete it: while the row of a lease gathers for the next
  // commit, changes of the lease wait.
  async #saveLease(lease: Lease, undo: () => void): Promise<void> {
    while (this.#pipeline.forms(lease.seq)) await this.#pipeline.settled();
    if (this.#state.leases.get(lease.id) !== lease) throw leaseNotFound();
    this.#pipeline.lease(lease);
    this.#pipeline.onUndo(undo);
    await this.#pipeline.settled();
  }

  async #endLease(lease: Lease, lazily: boolean): Promise<void> {
    while (this.#pipeline.forms(lease.seq)) await this.#pipeline.settled();
    if (this.#state.leases.get(lease.id) !== lease) throw leaseNotFound();
    const keys = [...lease.keys].sort();
    const soft = lazily && keys.every((key) => this.#state.index.get(key)?.soft);
    const write = new Write(this.#state);
    write.deleteKeys(keys, soft);
    this.#state.leases.remove(lease.id);
    if (soft && keys.length > 0) {
      // Its row may go later: after a power cut the lease would be there again, expired.
      if (lease.seq > 0) this.#state.drops.push(lease.seq);
    } else {
      this.#pipeline.leaseGone(lease);
      this.#pipeline.onUndo(() => this.#restoreLease(lease, keys));
    }
    if (write.recs.length > 0) await this.#pipeline.write(write.recs, soft);
    else await this.#pipeline.settled();
  }

  #restoreLease(lease: Lease, keys: string[]): void {
    this.#state.leases.add(lease);
    for (const key of keys) lease.keys.add(key);
  }

  /** Compacts in pieces, so that requests get their turn in between. */
  async #compactTo(revision: number): Promise<void> {
    const before = this.#state.historyBytes;
    let finished = this.#state.compact(revision, compactBudget);
    if (this.#compacting) return;
    this.#compacting = true;
    while (!finished && !this.#closed) {
      await turn();
      finished = this.#state.compact(this.#state.compactRevision, compactBudget);
    }
    this.#compacting = false;
    this.#giveBack.moved(Math.max(0, before - this.#state.historyBytes));
    this.#pipeline.prune();
    void tidyValues(this.#state, () => this.#closed);
  }
}
