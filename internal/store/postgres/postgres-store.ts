import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import { closed, compacted, futureRevision, leaseNotFound, StoreError } from '../errors.ts';
import { onlyReads, Write } from '../evaluate.ts';
import { hashKv } from '../hash-kv.ts';
import type { Lease } from '../leases.ts';
import { range } from '../range.ts';
import type { Rec } from '../record.ts';
import type * as s from '../store.ts';
import { Connection, type Target } from './connection.ts';
import { again } from './load.ts';
import { Memory, type Loaded } from './memory.ts';
import { Pruner } from './pruner.ts';
import { Replicator } from './replicator.ts';
import { statements } from './schema.ts';
import type { DatabaseTime, Session } from './session.ts';

/** A connection that died without a word is found by a read that has no answer. */
const pingMs = 15_000;
const sizeMs = 10_000;
/**
 * Answers about the write itself, against those about the store. They may come from a memory that
 * is behind.
 */
const aboutTheStore = new Set(['CLOSED', 'UNAVAILABLE', 'NO_SPACE', 'CORRUPT']);

export interface PostgresStoreParts {
  target: Target;
  session: Session;
  loaded: Loaded;
  writer: number;
  time: DatabaseTime;
  clock: Clock;
  log: Log;
  random: Random;
  historyMs: number;
  maxHistoryBytes: number;
  graceMs: number | undefined;
  collect(): void;
}

/** The Store on a log in PostgreSQL that several servers share. */
export class PostgresStore implements s.Store {
  readonly #memory: Memory;
  readonly #replicator: Replicator;
  readonly #pruner: Pruner;
  readonly #target: Target;
  readonly #log: Log;
  readonly #ping: Timer;
  #closed = false;

  constructor(parts: PostgresStoreParts) {
    const { target, log, clock, loaded } = parts;
    this.#target = target;
    this.#log = log;
    this.#pruner = new Pruner({
      ...parts,
      drops: () => this.#memory.state.drops,
      session: () => this.#replicator.session,
    });
    this.#memory = new Memory(
      {
        ...parts,
        leases: {
          save: (lease, undo) => this.#saveLease(lease, undo),
          end: (lease) => this.#endLease(lease),
        },
        outgrown: (revision) => void this.#compactQuietly(revision),
        dropped: () => this.#pruner.look(),
        replaced: () => this.#pruner.forget(),
      },
      loaded,
    );
    this.#replicator = new Replicator({ ...parts, memory: this.#memory, head: loaded.head });
    this.#ping = clock.every(
      'postgres.ping',
      pingMs,
      () => void this.#replicator.sync().catch(() => undefined),
    );
    this.#pruner.look();
  }

  get revision(): number {
    return this.#memory.state.published;
  }

  get compactRevision(): number {
    return Math.max(0, this.#memory.state.compactRevision);
  }

  /** How many watches there are, for tests and metrics. */
  get watches(): number {
    return this.#memory.hub.size;
  }

  async range(request: s.RangeRequest): Promise<s.RangeResponse> {
    this.#open();
    if (!request.serializable) await this.#replicator.sync();
    const { state } = this.#memory;
    const { published } = state;
    const at = state.readable(request.revision, published);
    const view = { index: state.index, at, revision: published };
    return range(at === published ? { ...view, lives: state.lives } : view, request);
  }

  async put(request: s.PutRequest): Promise<s.PutResponse> {
    return await this.#write((write) => write.put(request));
  }

  async deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse> {
    return await this.#write((write) => write.deleteRange(request));
  }

  async txn(request: s.TxnRequest): Promise<s.TxnResponse> {
    if (!onlyReads(request)) return await this.#write((write) => write.txn(request));
    this.#open();
    if (!isSerializable(request)) await this.#replicator.sync();
    const { state } = this.#memory;
    return new Write(state, { base: state.published }).txn(request);
  }

  watch(request: s.WatchRequest): s.Watch {
    this.#open();
    return this.#memory.hub.watch(request);
  }

  async compact(revision: number): Promise<void> {
    await this.#attempt(async () => {
      const { state } = this.#memory;
      if (revision <= state.compactRevision) throw compacted();
      if (revision > state.published) throw futureRevision();
      await this.#replicator.compact(revision);
    });
  }

  async leaseGrant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }> {
    return await this.#attempt(() => this.#memory.leases.grant(request));
  }

  async leaseRevoke(id: string): Promise<void> {
    await this.#attempt(() => this.#memory.leases.revoke(id));
  }

  async leaseKeepAlive(id: string): Promise<{ ttlSeconds: number }> {
    return await this.#attempt(() => this.#memory.leases.keepAlive(id));
  }

  async leaseTimeToLive(
    id: string,
    options: { keys?: boolean } = {},
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: string[] }> {
    this.#open();
    await this.#replicator.sync();
    return this.#memory.leases.timeToLive(id, options.keys ?? false);
  }

  async leases(): Promise<string[]> {
    this.#open();
    await this.#replicator.sync();
    return [...this.#memory.state.leases.all()].map((lease) => lease.id);
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    this.#open();
    const connection = await Connection.open(this.#target);
    try {
      const [row] = await connection.query<[number, number | null]>(statements.size, [], sizeMs);
      const bytes = row?.[0] ?? 0;
      return { bytes, inUseBytes: Math.round(bytes * (row?.[1] ?? 1)) };
    } finally {
      connection.close();
    }
  }

  /**
   * etcd's hash of everything up to `revision` (0 = newest): equal on all servers of a datastore.
   */
  hashKv(revision: number): { hash: number; revision: number; compactRevision: number } {
    const { state } = this.#memory;
    const at = state.readable(revision, state.published);
    return { hash: hashKv(state, at), revision: at, compactRevision: state.compactRevision };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ping.cancel();
    this.#pruner.stop();
    this.#memory.stop();
    await this.#replicator.close();
    this.#memory.hub.endAll({ reason: 'closed' });
  }

  #open(): void {
    if (this.#closed) throw closed();
  }

  /**
   * Does something that changes the log, again while others are faster. What was refused, or
   * changed nothing, was judged by a memory that may be behind: it is judged once more after a look
   * at the log.
   */
  async #attempt<T>(act: (fresh: boolean) => Promise<T>): Promise<T> {
    for (let fresh = false; ;) {
      this.#open();
      await this.#replicator.ready();
      try {
        return await act(fresh);
      } catch (error) {
        if (error === again) continue;
        if (fresh || (error instanceof StoreError && aboutTheStore.has(error.code))) throw error;
        if (!(error instanceof StoreError) && error !== stale) throw error;
      }
      await this.#replicator.sync();
      fresh = true;
    }
  }

  async #write<T>(evaluate: (write: Write) => T): Promise<T> {
    return await this.#attempt(async (fresh) => {
      const { state } = this.#memory;
      const write = new Write(state);
      let response: T;
      try {
        response = evaluate(write);
      } catch (error) {
        for (let i = write.recs.length - 1; i >= 0; i--) state.undo(write.recs[i] as Rec);
        // What it was refused for may not come to be.
        if (fresh) await this.#replicator.settled();
        throw error;
      }
      if (write.recs.length > 0) this.#replicator.records(write.recs);
      else if (!fresh) throw stale;
      await this.#replicator.settled();
      return response;
    });
  }

  async #saveLease(lease: Lease, undo: () => void): Promise<void> {
    this.#replicator.lease(lease, undo);
    // Every keep-alive gets its row: other servers must not end the lease.
    lease.kept = false;
    await this.#replicator.settled();
  }

  async #endLease(lease: Lease): Promise<void> {
    await this.#replicator.ready();
    const { state } = this.#memory;
    if (state.leases.get(lease.id) !== lease) throw leaseNotFound();
    const keys = [...lease.keys].sort();
    const write = new Write(state);
    write.deleteKeys(keys, false);
    state.leases.remove(lease.id);
    if (write.recs.length > 0) this.#replicator.records(write.recs);
    this.#replicator.leaseEnd(lease, () => {
      state.leases.add(lease);
      for (const key of keys) lease.keys.add(key);
    });
    await this.#replicator.settled();
  }

  async #compactQuietly(revision: number): Promise<void> {
    if (this.#closed || revision <= this.#memory.state.compactRevision) return;
    try {
      await this.#replicator.compact(revision);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'COMPACTED') return;
      this.#log.warn('cannot compact the datastore', { error });
    }
  }
}

/** Nothing was changed, and nobody knows yet whether that was right. */
const stale = Symbol('stale');

/** True when no part of the transaction asks for the newest state. */
function isSerializable(request: s.TxnRequest): boolean {
  const all = (ops: s.Op[]): boolean =>
    ops.every((op) =>
      op.op === 'range' ? op.serializable === true : op.op === 'txn' && isSerializable(op),
    );
  return all(request.success) && all(request.failure);
}
