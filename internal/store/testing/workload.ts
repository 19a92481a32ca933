import type { Timer } from '../../io/clock.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Random } from '../../io/random.ts';
import type { Encryption } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import type { LogStore } from '../log-store.ts';
import type { Op } from '../store.ts';
import type { Fault } from './fault-disk.ts';
import { eventsNote, type Note, softPrefix, versionOf } from './ledger.ts';

const hardKeys = 12;
const softKeys = 4;
/** Keys whose values are encrypted. */
const secretPrefix = 'hard1';

/** What a life is like. */
export interface LifeStyle {
  soft: boolean;
  leases: boolean;
  encrypted: boolean;
  /** Snapshots, defragmentation, compaction, changes of keys, restarts. */
  upkeep: boolean;
  faults: boolean;
  largeValues: boolean;
}

export function styleOf(random: Random): LifeStyle {
  const odds = (n: number): boolean => random.int(n) === 0;
  return {
    soft: odds(3),
    leases: !odds(3),
    encrypted: odds(3),
    upkeep: !odds(4),
    faults: odds(3),
    largeValues: odds(2),
  };
}

/** Two keys, of which the first encrypts. All keys are kept, as a key ring keeps them. */
export function encryptionAt(turn: number): Encryption {
  const keys = [1, 2].map((id) => ({ id, key: new Uint8Array(32).fill(id) }));
  return { prefixes: [secretPrefix], keys: turn % 2 === 0 ? keys : keys.reverse() };
}

/** Time moves when it is told to; only what waits for others to join a commit does not wait. */
export class LifeClock extends FakeClock {
  override after(op: string, delayMs: number, fn: () => void): Timer {
    if (op !== 'store.gather') return super.after(op, delayMs, fn);
    const soon = setImmediate(fn);
    return { cancel: () => clearImmediate(soon) };
  }
}

/** Clients of one store, who write down what they are told. */
export class Workload {
  readonly clock: FakeClock;
  readonly #random: Random;
  readonly #style: LifeStyle;
  readonly #note: (note: Note) => void;
  #leases: string[] = [];
  #counter = 0;
  #turn = 0;
  #snapshots = 0;
  store!: LogStore;
  failures = 0;

  constructor(parts: {
    random: Random;
    style: LifeStyle;
    clock: FakeClock;
    note: (note: Note) => void;
    firstNumber?: number;
  }) {
    this.#random = parts.random;
    this.#style = parts.style;
    this.clock = parts.clock;
    this.#note = parts.note;
    this.#counter = parts.firstNumber ?? 0;
    this.#snapshots = this.#counter;
  }

  get encryption(): Encryption | undefined {
    return this.#style.encrypted ? encryptionAt(this.#turn) : undefined;
  }

  /** Goes on with a store that was just opened. */
  async begin(store: LogStore): Promise<void> {
    this.store = store;
    this.#leases = await store.leases();
    const { kvs } = await store.range({ key: softPrefix, end: `${softPrefix}~` });
    this.#note({
      note: 'opened',
      revision: store.revision,
      soft: kvs.map((kv) => [kv.key, versionOf(kv)]),
    });
    store.watch({
      key: '\0',
      end: '\0',
      onEvents: (events) => this.#note(eventsNote(events)),
      onEnd: () => undefined,
    });
  }

  /** Some clients at once, and now and then some upkeep. `dir`: where snapshots go. */
  async step(dir: string): Promise<void> {
    const clients = Array.from({ length: 1 + this.#random.int(8) }, () =>
      this.#allowed(this.#client()),
    );
    if (this.#style.upkeep && this.#random.int(4) === 0)
      clients.push(this.#allowed(this.#upkeep(dir)));
    await Promise.all(clients);
    if (this.#random.int(6) === 0) await this.#tick();
    if (this.#random.int(4) === 0 && !this.#style.soft) {
      const { hash, revision, compactRevision } = this.store.hashKv(0);
      this.#note({ note: 'hash', revision, compacted: Math.max(0, compactRevision), hash });
    }
  }

  /** A disk that fails for a while. */
  fault(): Fault | undefined {
    if (!this.#style.faults || this.#random.int(3) > 0) return undefined;
    const skip = this.#random.int(12);
    const faults: Fault[] = [
      {
        call: 'write',
        error: 'ENOSPC',
        suffix: 'store.db-wal',
        skip,
        count: 1 + this.#random.int(4),
        mode: this.#random.int(2) === 0 ? 'short' : 'keep',
      },
      {
        call: 'sync',
        error: 'EIO',
        suffix: 'store.db',
        skip: 0,
        count: 1 + this.#random.int(2),
        mode: this.#random.int(2) === 0 ? 'revert' : 'keep',
      },
      {
        call: 'sync',
        error: 'EIO',
        suffix: 'store.db-wal',
        skip,
        count: 1,
        mode: this.#random.int(2) === 0 ? 'revert' : 'keep',
      },
      { call: 'write', error: 'EIO', suffix: 'store.db', skip: 0, count: 1, mode: 'keep' },
    ];
    return faults[this.#random.int(faults.length)];
  }

  /** A disk that fails may fail any request; that nothing else is wrong is seen afterwards. */
  async #allowed(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const plain =
        error.code === 'COMPACTED' ||
        error.code === 'FUTURE_REVISION' ||
        error.code === 'LEASE_NOT_FOUND';
      if (!plain && !this.#style.faults) throw error;
      if (!plain) this.failures++;
    }
  }

  async #client(): Promise<void> {
    const roll = this.#random.int(20);
    if (this.#style.leases && roll < 4) return this.#lease(roll);
    if (this.#style.soft && roll < 9) {
      const key = `${softPrefix}${this.#random.int(softKeys)}`;
      if (this.#random.int(4) > 0) await this.store.put({ key, value: this.#value(), soft: true });
      else await this.store.deleteRange({ key, soft: true });
      return;
    }
    if (roll < 12)
      await this.store.put({ key: this.#key(), value: this.#value(), ...this.#leaseOf() });
    else if (roll < 15) await this.store.deleteRange({ key: this.#key() });
    else await this.store.txn({ compare: [], success: this.#ops(), failure: [] });
  }

  /** Several keys at once: all of them, or none, come through a power cut. */
  #ops(): Op[] {
    const first = this.#random.int(hardKeys);
    return Array.from({ length: 2 + this.#random.int(3) }, (_, i): Op => {
      const key = `hard${(first + i) % hardKeys}`;
      return this.#random.int(4) === 0
        ? { op: 'delete', key }
        : { op: 'put', key, value: this.#value() };
    });
  }

  async #lease(roll: number): Promise<void> {
    const known = this.#leases[this.#random.int(this.#leases.length)];
    if (roll < 2 || known === undefined) {
      const id = `${1 + this.#counter++}`;
      const ttl = 60 + this.#random.int(2000);
      const grant = {
        note: 'grant' as const,
        id,
        ttl,
        until: this.clock.monotonicMs() + ttl * 1000,
      };
      this.#note({ ...grant, done: false });
      const granted = this.store.leaseGrant({ id, ttlSeconds: ttl });
      // A client may know the number that it asked for before it is answered.
      const kept = this.#random.int(3) === 0 ? this.store.leaseKeepAlive(id) : undefined;
      await Promise.all([granted, kept]);
      this.#note({ ...grant, done: true });
      this.#leases.push(id);
    } else if (roll === 2) {
      this.#leases = this.#leases.filter((id) => id !== known);
      this.#note({ note: 'revoke', id: known, done: false });
      const kept = this.#random.int(2) === 0 ? this.store.leaseKeepAlive(known) : undefined;
      await Promise.all([kept, this.store.leaseRevoke(known)]);
      this.#note({ note: 'revoke', id: known, done: true });
    } else {
      await this.store.leaseKeepAlive(known);
    }
  }

  async #upkeep(dir: string): Promise<void> {
    const roll = this.#random.int(8);
    if (roll < 3) {
      const revision = Math.max(1, this.store.revision - this.#random.int(6));
      await this.store.compact(revision);
      this.#note({ note: 'compacted', revision });
    } else if (roll === 3) {
      this.#note({ note: 'flush', done: false });
      await this.store.flushed();
      this.#note({ note: 'flush', done: true });
    } else if (roll === 4) {
      await this.store.defragment();
    } else if (roll < 7 && this.encryption !== undefined) {
      this.#turn++;
      await this.store.encrypt(this.encryption);
    } else {
      const path = `snapshot${this.#snapshots++}.snap`;
      const { revision } = this.store;
      this.#note({ note: 'snapshot', path, revision, done: false });
      await this.store.snapshot(`${dir}/${path}`);
      this.#note({ note: 'snapshot', path, revision, done: true });
    }
  }

  async #tick(): Promise<void> {
    const ms = this.#random.int(400_000);
    this.#note({ note: 'tick', now: this.clock.monotonicMs() + ms });
    await this.clock.advance(ms);
  }

  #key(): string {
    return `hard${this.#random.int(hardKeys)}`;
  }

  #leaseOf(): { lease?: string } {
    const lease =
      this.#random.int(3) === 0 ? this.#leases[this.#random.int(this.#leases.length)] : undefined;
    return lease === undefined ? {} : { lease };
  }

  #value(): Buffer {
    const most = this.#style.largeValues && this.#random.int(20) === 0 ? 30_000 : 700;
    const value = Buffer.alloc(this.#random.int(most), `${this.#counter} `);
    value.write(`${this.#counter++};`);
    return value;
  }
}
