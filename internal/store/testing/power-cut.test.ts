import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom, type Random } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { ValueCipher } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import { LogStore } from '../log-store.ts';
import { recover } from '../recovery.ts';
import type { KeyValue } from '../store.ts';
import { MemoryJournal } from './memory-journal.ts';
import { encryptionAt } from './workload.ts';

/** SKIFF_SIMULATIONS for more runs, SKIFF_SEED to start from another seed, or random. */
const runs = Number(process.env['SKIFF_SIMULATIONS'] ?? 150);
const firstSeed = testSeed();

/** Longer than any life: what ends here is revoked. */
const leaseSeconds = 1_000_000;

/** What one key may hold after a power cut: everything from the last acknowledged hard write on. */
interface Promised {
  /** Values in order of their revision; undefined = deleted. */
  written: { revision: number; value: string | undefined; hard: boolean }[];
  /** Values that clients wait for: the power may go before they hear of it. */
  waiting: (string | undefined)[];
}

/** A store that lives through many power cuts, and what was promised to its clients. */
class Life {
  readonly #random: Random;
  readonly #clock = new FakeClock();
  readonly #keys = new Map<string, Promised>();
  /**
   * Leases that were granted and not told to end: id -> false while the grant or the end is not
   * answered.
   */
  readonly #leases = new Map<string, boolean>();
  #journal = new MemoryJournal();
  #keyTurn = 0;
  /** Answers from before the last cut come to nobody. */
  #cuts = 0;
  store!: LogStore;
  #counter = 0;
  #highest = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#boot();
  }

  #boot(): void {
    const encryption = encryptionAt(this.#keyTurn);
    const { recovered, census } = recover(
      this.#journal.log(),
      this.#clock,
      new ValueCipher(encryption),
    );
    this.#journal = new MemoryJournal(new Map(this.#journal.log()), census, encryption);
    this.store = new LogStore({
      journal: this.#journal,
      recovered,
      clock: this.#clock,
      log: silentLog,
      random: this.#random,
      historyMs: 60_000,
    });
  }

  /** Some clients at once, some of them told, and sometimes a disk that fails. */
  async work(): Promise<void> {
    if (this.#random.int(6) === 0)
      this.#journal.failures.push(
        new StoreError(this.#random.int(2) === 0 ? 'NO_SPACE' : 'UNAVAILABLE', 'the disk failed'),
      );
    const clients = Array.from({ length: 1 + this.#random.int(8) }, () => this.#write());
    if (this.#random.int(3) === 0) clients.push(this.#lease());
    // Upkeep goes on between the writes, and so does what cuts it short.
    if (this.#random.int(10) === 0)
      clients.push(
        this.#allowed(this.store.compact(Math.max(1, this.store.revision - this.#random.int(5)))),
      );
    if (this.#random.int(15) === 0)
      clients.push(this.#allowed(this.store.encrypt(encryptionAt(++this.#keyTurn))));
    if (this.#random.int(20) === 0) clients.push(this.#allowed(this.store.flushed()));
    if (this.#random.int(3) === 0) await this.#clock.advance(this.#random.int(200_000));
    if (this.#random.int(12) > 0) await Promise.all(clients);
    else void Promise.all(clients); // the power may go while they work
    this.#highest = Math.max(this.#highest, this.store.revision);
  }

  async #allowed(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }

  async #lease(): Promise<void> {
    const cuts = this.#cuts;
    const sure = (id: string, granted: boolean): void => {
      if (this.#cuts > cuts) return;
      if (granted) this.#leases.set(id, true);
      else this.#leases.delete(id);
    };
    const known = [...this.#leases].filter(([, granted]) => granted).map(([id]) => id);
    const id = known[this.#random.int(known.length)];
    if (id === undefined || this.#random.int(2) === 0) {
      const fresh = `${++this.#counter}`;
      this.#leases.set(fresh, false);
      const granted = this.store
        .leaseGrant({ id: fresh, ttlSeconds: leaseSeconds })
        .then(() => sure(fresh, true));
      await this.#allowed(
        Promise.all([
          granted,
          this.#random.int(2) === 0 ? this.store.leaseKeepAlive(fresh) : undefined,
        ]).then(() => undefined),
      );
    } else {
      this.#leases.set(id, false);
      const kept = this.#random.int(2) === 0 ? this.store.leaseKeepAlive(id) : undefined;
      await this.#allowed(
        Promise.all([this.store.leaseRevoke(id).then(() => sure(id, false)), kept]).then(
          () => undefined,
        ),
      );
    }
  }

  async #write(): Promise<void> {
    const soft = this.#random.int(3) === 0;
    const key = `${soft ? 'soft' : 'hard'}${this.#random.int(6)}`;
    const remove = this.#random.int(4) === 0;
    const value = remove ? undefined : `v${++this.#counter}`;
    const promised = this.#keys.get(key) ?? { written: [], waiting: [] };
    this.#keys.set(key, promised);
    const cuts = this.#cuts;
    promised.waiting.push(value);
    try {
      const answer =
        value === undefined
          ? await this.store.deleteRange({ key, soft })
          : await this.store.put({ key, value: Buffer.from(value), soft });
      if (
        this.#cuts > cuts ||
        (value === undefined && (answer as { deleted: number }).deleted === 0)
      )
        return;
      promised.written.push({ revision: answer.revision, value, hard: !soft });
    } catch (error) {
      // Failed is failed: the journal keeps nothing of a batch that it rejected.
      if (!(error instanceof StoreError)) throw error;
    } finally {
      if (this.#cuts === cuts) promised.waiting.splice(promised.waiting.indexOf(value), 1);
    }
  }

  /** The power goes, maybe with a commit under way; or the store is stopped in order. */
  async end(): Promise<'cut' | 'stopped'> {
    const stopped = this.#random.int(4) === 0;
    this.#journal.failures = [];
    if (stopped) await this.store.close();
    const before = this.store.revision;
    this.#cuts++;
    this.#boot();
    if (stopped) expect(this.store.revision).toBe(before);
    else expect(this.store.revision).toBeGreaterThanOrEqual(this.#highest);
    await this.#check(stopped);
    return stopped ? 'stopped' : 'cut';
  }

  async #check(stopped: boolean): Promise<void> {
    const leases = await this.store.leases();
    for (const [id, sure] of this.#leases) {
      if (sure) expect(leases, `lease ${id}`).toContain(id);
      else if (!leases.includes(id)) this.#leases.delete(id);
      else this.#leases.set(id, true);
    }
    expect(
      leases.filter((id) => !this.#leases.has(id)),
      'leases that were revoked',
    ).toEqual([]);
    const kvs = new Map(
      (await this.store.range({ key: '\0', end: '\0' })).kvs.map((kv: KeyValue) => [kv.key, kv]),
    );
    for (const [key, { written, waiting }] of this.#keys) {
      written.sort((a, b) => a.revision - b.revision);
      const found = kvs.get(key);
      const value = found === undefined ? undefined : Buffer.from(found.value).toString();
      const last = written.findLastIndex((w) => w.hard || stopped);
      const allowed = written.slice(Math.max(0, last)).map((w) => w.value);
      // A soft key may be as old as any version of it: only that it is one that was written counts.
      if (key.startsWith('soft') && !stopped)
        allowed.push(undefined, ...written.map((w) => w.value));
      if (written.length === 0) allowed.push(undefined);
      allowed.push(...waiting.splice(0));
      expect(allowed, `${key} after ${stopped ? 'a stop' : 'a power cut'}`).toContain(value);
      kvs.delete(key);
      written.length = 0;
      written.push({ revision: this.store.revision, value, hard: true });
    }
    expect([...kvs.keys()]).toEqual([]);
    // Counts come from the weights of the index, lists from the records.
    expect((await this.store.range({ key: '\0', end: '\0', countOnly: true })).count).toBe(
      (await this.store.range({ key: '\0', end: '\0' })).kvs.length,
    );
  }
}

describe('power cuts', () => {
  test(`${runs} lives: nothing acknowledged is lost but soft state`, async () => {
    console.log(`power cuts from seed ${firstSeed}`);
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      try {
        const random = seededRandom(seed);
        const life = new Life(random);
        for (let cut = 0; cut < 4; cut++) {
          for (let i = 0; i < 12; i++) await life.work();
          await life.end();
        }
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
  }, 120_000);
});
