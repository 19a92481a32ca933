import type { Clock, Timer } from '../../io/clock.ts';
import { followProgram } from '../../io/follow-program.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import { ForeignChanges } from './foreign-changes.ts';

/** Watches over one table. */
export interface TableGuard {
  /** The text that ends each of our transactions, and tells it from those of others. */
  stamp(): string;
  stop(): void;
}

/** The set of a table that holds the stamp; a full load makes it. */
export const stampSet = 'set stamp { type mark; }';

interface Guarded {
  table: string;
  changes: ForeignChanges;
  putBack(): void;
}

/** Nobody touched a table for this long: the next who does finds it put back at once. */
const calmMs = 60_000;
const longestRepairMs = 30_000;
const firstRepairMs = 50;
const listeningMs = 1_000;

/** Tells the owners of tables when somebody else changes them: one monitor for all. */
export class NftGuards {
  readonly #o: { spawn: Spawn; clock: Clock; log: Log };
  readonly #guarded = new Set<Guarded>();
  #follower: { stop(): void } | undefined;

  constructor(options: { spawn: Spawn; clock: Clock; log: Log }) {
    this.#o = options;
  }

  /**
   * From now on, so before the first load. `table` is `family name`; `putBack` has to load all of
   * it.
   */
  guard(table: string, putBack: () => void): TableGuard {
    let stamp = 0;
    const repairs = new Repairs(this.#o.clock, putBack);
    const guarded: Guarded = {
      table,
      changes: new ForeignChanges(table),
      putBack: () => repairs.next(),
    };
    this.#guarded.add(guarded);
    this.#follower ??= this.#follow();
    return {
      stamp: () => {
        stamp = (stamp % 0x7fffffff) + 1;
        guarded.changes.expect(stamp);
        return `flush set ${table} stamp\nadd element ${table} stamp { ${stamp} }\n`;
      },
      stop: () => {
        repairs.stop();
        this.#guarded.delete(guarded);
        if (this.#guarded.size > 0) return;
        this.#follower?.stop();
        this.#follower = undefined;
      },
    };
  }

  #follow(): { stop(): void } {
    return followProgram(this.#o, {
      op: 'nft.monitor',
      command: ['nft', 'monitor'],
      line: (text) => this.#line(text),
      started: (again) => {
        if (!again) return;
        for (const { putBack } of this.#guarded) putBack();
        // What happened before the program had begun to listen nobody said.
        this.#o.clock.after('nft.listening', listeningMs, () => void this.#lookForTables());
      },
    });
  }

  #line(text: string): void {
    let lost = false;
    for (const guarded of this.#guarded) {
      const what = guarded.changes.line(text);
      lost ||= what === 'lost';
      if (what !== 'foreign') continue;
      this.#o.log.warn('another program changed our rules in nftables, they are put back', {
        table: guarded.table,
      });
      guarded.putBack();
    }
    if (lost) void this.#lookForTables();
  }

  /** The kernel says more than is read in time: at least the tables must be there. */
  async #lookForTables(): Promise<void> {
    const shown = await this.#o.spawn
      .run('nft.tables', ['nft', 'list', 'tables'])
      .catch(() => undefined);
    if (!shown || shown.code !== 0) return;
    const there = shown.stdout.toString().split('\n');
    for (const { table, putBack } of this.#guarded) {
      if (there.includes(`table ${table}`)) continue;
      this.#o.log.warn('our rules in nftables are gone, they are put back', { table });
      putBack();
    }
  }
}

/** Puts back at once, and later each time when somebody is at it again and again. */
class Repairs {
  readonly #clock: Clock;
  readonly #putBack: () => void;
  #delayMs = 0;
  #lastMs = -Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock, putBack: () => void) {
    this.#clock = clock;
    this.#putBack = putBack;
  }

  next(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#delayMs =
      nowMs - this.#lastMs > calmMs
        ? 0
        : Math.min(longestRepairMs, this.#delayMs * 2 || firstRepairMs);
    this.#lastMs = nowMs;
    this.#timer ??= this.#clock.after('nft.repair', this.#delayMs, () => {
      this.#timer = undefined;
      this.#putBack();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
