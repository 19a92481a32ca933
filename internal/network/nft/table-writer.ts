import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import type { NftGuards, TableGuard } from './guards.ts';

/** What whoever owns a table of nftables needs of the machine. */
export interface NftDoors {
  /** Where the transaction files are written; on tmpfs. */
  runDir: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  guards: NftGuards;
  log: Log;
  /** Told before the host is changed, so that uninstall can undo it. */
  record(kind: 'nft-table', name: string): Promise<void>;
}

export interface TableWriterOptions extends NftDoors {
  /** Names the transaction file and the operations. */
  name: string;
  /** `family name`. */
  table: string;
  /** What the table holds, for messages: `network policies`. */
  what: string;
  /**
   * The next transaction: the whole table, or what changed since the last one ('' = nothing).
   * Undefined = not known yet.
   */
  text(whole: boolean): string | undefined | Promise<string | undefined>;
  /** A transaction stands in the kernel; the next one waits for this. */
  written?(): Promise<void>;
}

/**
 * Changes that arrive within this time share a transaction: a rollout moves many endpoints at once.
 */
const batchMs = 2;
/**
 * Two transactions that no pod waits for are at least this far apart, so that churn cannot keep nft
 * busy.
 */
const pauseMs = 50;
/** After a failed transaction. */
const retryMs = 1000;

interface Waiter {
  revision: number;
  done(error?: Error): void;
}

/**
 * Brings a table of the kernel to the state of its owner's plan, one transaction at a time. After a
 * failure the whole table is loaded.
 */
export class TableWriter {
  readonly #o: TableWriterOptions;
  readonly #guard: TableGuard;
  /** Numbers of the state that is wanted, and of the one that is loaded. */
  #wanted = 0;
  #standing = -1;
  #whole = true;
  #running = false;
  #stopped = false;
  #timer: { timer: Timer; atMs: number } | undefined;
  #waiters: Waiter[] = [];
  #endedMs = -Infinity;
  #failingSinceMs: number | undefined;

  constructor(options: TableWriterOptions) {
    this.#o = options;
    this.#guard = options.guards.guard(options.table, () => this.reload());
  }

  /** How long the table has not been what it should be for want of an nft that takes it. */
  get failingMs(): number {
    const sinceMs = this.#failingSinceMs;
    return sinceMs === undefined ? 0 : this.#o.clock.monotonicMs() - sinceMs;
  }

  /** The plan has changed: gives the number of its new state. */
  touch(): number {
    this.#wanted += 1;
    this.#schedule(Math.max(batchMs, this.#endedMs + pauseMs - this.#o.clock.monotonicMs()));
    return this.#wanted;
  }

  /** The kernel may hold anything: the whole table is written. */
  reload(): void {
    this.#whole = true;
    this.touch();
  }

  /**
   * Resolves when that state of the plan stands in the kernel. Throws when it could not be written,
   * or not within `timeoutMs`.
   */
  applied(revision: number, timeoutMs: number): Promise<void> {
    if (this.#standing >= revision && !this.#whole) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#o.clock.after(`${this.#o.name}.hold`, timeoutMs, () =>
        waiter.done(new Error(`the ${this.#o.what} of the node are not known yet`)),
      );
      const waiter: Waiter = {
        revision,
        done: (error) => {
          timer.cancel();
          this.#waiters = this.#waiters.filter((w) => w !== waiter);
          if (error) reject(error);
          else resolve();
        },
      };
      this.#waiters.push(waiter);
      this.#schedule(batchMs);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.timer.cancel();
    this.#guard.stop();
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#running) return;
    const atMs = this.#o.clock.monotonicMs() + delayMs;
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.timer.cancel();
    const timer = this.#o.clock.after(`${this.#o.name}.batch`, delayMs, () => {
      this.#timer = undefined;
      void this.#run();
    });
    this.#timer = { timer, atMs };
  }

  async #run(): Promise<void> {
    this.#running = true;
    const revision = this.#wanted;
    const whole = this.#whole;
    let againMs: number | undefined;
    try {
      if (await this.#write()) this.#settle(revision);
      this.#failingSinceMs = undefined;
    } catch (error) {
      this.#failingSinceMs ??= this.#o.clock.monotonicMs();
      this.#whole = true;
      // A change may be refused for what stands there; the whole table replaces that.
      againMs = whole ? retryMs : 0;
      // nft 1.0.6 refuses one now and then: no reason to be alarmed.
      this.#o.log[whole ? 'warn' : 'info'](
        `${this.#o.what} could not be written, the whole table is next`,
        { error: messageOf(error).slice(0, 500) },
      );
      if (whole)
        for (const waiter of [...this.#waiters])
          waiter.done(new Error(`${this.#o.what} could not be written: ${messageOf(error)}`));
    }
    this.#running = false;
    this.#endedMs = this.#o.clock.monotonicMs();
    if (againMs !== undefined) this.#schedule(againMs);
    else if (this.#standing < this.#wanted && this.#standing >= 0)
      this.#schedule(this.#waiters.length > 0 ? batchMs : pauseMs);
  }

  #settle(revision: number): void {
    this.#standing = revision;
    for (const waiter of [...this.#waiters]) if (waiter.revision <= revision) waiter.done();
  }

  /** False when there is nothing to go by yet. */
  async #write(): Promise<boolean> {
    const whole = this.#whole;
    this.#whole = false;
    const text = await this.#o.text(whole);
    if (text === undefined) {
      this.#whole ||= whole;
      return false;
    }
    if (whole) await this.#o.record('nft-table', this.#o.table);
    if (text !== '') await this.#load(text);
    await this.#o.written?.();
    return true;
  }

  async #load(text: string): Promise<void> {
    const { name, runDir, disk, spawn } = this.#o;
    const file = `${runDir}/${name}.nft`;
    await disk.writeAtomic(`${name}.write`, file, text + this.#guard.stamp(), { mode: 0o600 });
    await runOk(spawn, `${name}.nft`, ['nft', '-f', file]);
  }
}
