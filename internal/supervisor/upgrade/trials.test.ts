import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Clock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { makeLog } from '../../io/log.ts';
import { realSpawn } from '../../io/spawn.ts';
import type { Doors } from '../doors.ts';
import { putOnTrial, triedAgain } from './begin.ts';
import { upgradeOnStart } from './on-start.ts';
import { readOutcome, type Outcome } from './trial.ts';
import { after, staysMs, verdictOf, type Course, type Look } from './verdict.ts';

describe('the verdict', () => {
  const course: Course = {
    deadlineMs: 60_000,
    mayPutOff: true,
    last: { fault: 'it did not start in time', away: false },
    goodSinceMs: undefined,
  };
  const good: Look = { fault: undefined, away: false };
  const bad: Look = { fault: 'not Ready', away: false };
  const away: Look = { fault: 'no server answers', away: true };

  it('is good after it was good for a while without a break', () => {
    const begun = after(course, good, 1000);
    expect(verdictOf(begun, 1000 + staysMs - 1)).toBe('open');
    expect(verdictOf(begun, 1000 + staysMs)).toBe('good');
    const broken = after(after(begun, bad, 2000), good, 3000);
    expect(verdictOf(broken, 1000 + staysMs)).toBe('open');
    expect(verdictOf(broken, 3000 + staysMs)).toBe('good');
  });

  it('never is good while no server says so', () => {
    expect(verdictOf(after(course, away, 0), 59_999)).toBe('open');
    expect(verdictOf(after(course, away, 0), 60_000)).toBe('later');
  });

  it('is put off once, and only when it was the servers', () => {
    expect(verdictOf(after(course, bad, 0), 60_000)).toBe('rejected');
    expect(verdictOf(course, 60_000)).toBe('rejected');
    const second = { ...course, mayPutOff: false };
    expect(verdictOf(after(second, away, 0), 60_000)).toBe('rejected');
    expect(verdictOf(after(second, good, 0), 60_000)).toBe('good');
  });
});

/** What the two versions find of themselves; undefined: it ends before it can look. */
interface World {
  fresh(lives: number): Look | undefined;
  old: Look;
}

class PowerCut extends Error {}

/** A machine with a service: the guard of install.sh and the start of an agent, on a real disk. */
class Machine {
  readonly dir = mkdtempSync(join(tmpdir(), 'trial-'));
  readonly #world: World;
  /** Effects until the power goes. */
  left = Infinity;
  lives = 0;
  /** Effects that may not be over yet. */
  #under: unknown[] = [];
  #ended = false;
  #nowMs = 0;
  #timers: { at: number; fn: () => void }[] = [];

  constructor(world: World) {
    this.#world = world;
    mkdirSync(join(this.dir, 'bin'));
    mkdirSync(join(this.dir, 'run'));
    writeFileSync(this.program, '#!/bin/sh\n# old\n', { mode: 0o755 });
    writeFileSync(join(this.dir, 'fresh'), '#!/bin/sh\n# fresh\n', { mode: 0o755 });
  }

  get program(): string {
    return join(this.dir, 'bin/skiff');
  }

  get runs(): string {
    return readFileSync(this.program, 'utf8').slice(12).trim();
  }

  /** Every effect may be the last. */
  #cuttable<T extends object>(door: T, life: { over: boolean }): T {
    return new Proxy(door, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name);
        return typeof found !== 'function'
          ? found
          : (...given: unknown[]) => {
              if (this.left <= 0 || life.over) throw new PowerCut('no power');
              // What only looks leaves nothing behind.
              if (/^(?:write|remove|run|make)/.test(String(name))) this.left--;
              const effect = Reflect.apply(found, target, given) as unknown;
              this.#under.push(effect);
              return effect;
            };
      },
    });
  }

  /** Those of one process: after its life they do nothing more. */
  doors(life: { over: boolean; complaints: string[] } = { over: false, complaints: [] }): Doors {
    return partOf<Doors>({
      disk: this.#cuttable(realDisk, life),
      spawn: this.#cuttable(realSpawn, life),
      clock: this.#clock,
      log: makeLog({
        level: 'error',
        write: (line) => void (/could not be/.test(line) && life.complaints.push(line)),
      }),
      processes: { kill: () => (this.#ended = true) },
    });
  }

  /** Time passes when somebody waits. */
  readonly #clock: Clock = partOf<Clock>({
    now: () => Date.UTC(2026, 0, 1) + this.#nowMs,
    monotonicMs: () => this.#nowMs,
    after: (_op: string, delayMs: number, fn: () => void) => {
      const timer = { at: this.#nowMs + delayMs, fn };
      this.#timers.push(timer);
      return { cancel: () => void (this.#timers = this.#timers.filter((one) => one !== timer)) };
    },
    sleep: async (_op: string, delayMs: number) => {
      this.#nowMs += delayMs;
      for (const timer of this.#timers.filter(({ at }) => at <= this.#nowMs)) timer.fn();
      await setImmediate();
    },
  });

  /** What `skiff upgrade` does. */
  async upgrade(): Promise<void> {
    const { disk, spawn } = this.doors();
    const about = { program: this.program, dataDir: this.dir, from: 'old', to: 'fresh' };
    const file = join(this.dir, 'fresh');
    const more = { snapshot: undefined, before: [], waitSeconds: 60 };
    await putOnTrial({ ...about, ...more, file, disk, spawn });
  }

  /** One life of the service; true when the machine has nothing more to decide. */
  async live(guard: string): Promise<boolean> {
    this.lives++;
    this.#ended = false;
    this.#timers = [];
    spawnSync('sh', [guard]);
    const version = this.runs;
    const look = version === 'old' ? this.#world.old : this.#world.fresh(this.lives);
    // It dies at once, and is started again.
    if (!look) return false;
    const config = { dataDir: this.dir, runDir: join(this.dir, 'run') };
    const process = { over: false, complaints: [] as string[] };
    const doors = this.doors(process);
    const judge = await upgradeOnStart({ config, doors, agent: true });
    if (!judge) return this.left > 0;
    judge.started({ look: () => Promise.resolve(look), running: () => [] });
    for (;;) {
      if (this.#ended || this.left <= 0) break;
      if (version === 'fresh' && readdirSync(join(this.dir, 'upgrade')).join() === 'outcome') break;
      // Nobody answers the old one, either: it waits.
      if (version === 'old' && look.away && this.#nowMs > 600_000) break;
      // An error ends the judge without a word to us.
      if (process.complaints.length > 0) break;
      await setTimeout(1);
    }
    process.over = true;
    await judge.stop();
    await this.settled();
    if (this.left > 0) expect(process.complaints).toEqual([]);
    return !this.#ended && this.left > 0;
  }

  /** What was begun before the power went is done, or it would be done after the next start. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#under.splice(0));
  }

  async outcome(): Promise<Outcome | undefined> {
    return await readOutcome(realDisk, this.dir);
  }
}

const machines: Machine[] = [];
afterEach(() => {
  for (const one of machines.splice(0)) rmSync(one.dir, { recursive: true });
});

/** The guard as install.sh writes it. */
function guardOf(machine: Machine): string {
  const text = readFileSync(join(import.meta.dirname, '../../../install.sh'), 'utf8');
  const start = text.indexOf('guard_script() {');
  const made = text.slice(start, text.indexOf('\n}\n\nsystemd_unit', start) + 2);
  const to = join(machine.dir, 'guard.sh');
  const env = { ...process.env, tmp: to, data_dir: machine.dir, bin_dir: join(machine.dir, 'bin') };
  const done = spawnSync('sh', ['-c', `${made}\nplace() { :; }\nguard_script`], { env });
  expect(done.status).toBe(0);
  return to;
}

const good: Look = { fault: undefined, away: false };
const bad: Look = { fault: 'container c of pod default/web does not run on', away: false };
const away: Look = { fault: 'no server answers', away: true };

/** Upgrades, with the power gone after so many effects, until nothing more is to be decided. */
async function through(
  world: World,
  cutAfter: number,
): Promise<{ machine: Machine; cut: boolean; begun: boolean }> {
  const machine = new Machine(world);
  machines.push(machine);
  const guard = guardOf(machine);
  machine.left = cutAfter;
  let cut = false;
  const power = async (step: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      return false;
    } finally {
      await machine.settled();
      cut ||= machine.left <= 0;
      if (machine.left <= 0) machine.left = Infinity;
    }
  };
  const begun = await power(async () => {
    await machine.upgrade();
    return machine.left > 0;
  });
  for (let life = 0; life < 12; life++) if (await power(() => machine.live(guard))) break;
  return { machine, cut, begun };
}

const worlds: [string, World, { ends: string; result: Outcome['result'] }][] = [
  ['is good', { fresh: () => good, old: good }, { ends: 'fresh', result: 'good' }],
  ['does not start', { fresh: () => undefined, old: good }, { ends: 'old', result: 'returned' }],
  ['stops a pod', { fresh: () => bad, old: good }, { ends: 'old', result: 'returned' }],
  ['reaches no server', { fresh: () => away, old: good }, { ends: 'old', result: 'returned' }],
  [
    'came while the servers were away',
    { fresh: (lives) => (lives < 2 ? away : good), old: good },
    { ends: 'fresh', result: 'good' },
  ],
  ['came, and they stay away', { fresh: () => away, old: away }, { ends: 'old', result: 'later' }],
];

describe('an agent with a new executable that', () => {
  it.each(worlds)('%s', async (_what, world, { ends, result }) => {
    const { machine } = await through(world, Infinity);
    expect([machine.runs, (await machine.outcome())?.result]).toEqual([ends, result]);
    const again = existsSync(triedAgain(machine.program));
    expect(again).toBe(result === 'later');
  });

  it.each(worlds)(
    '%s: the power goes after any effect',
    { timeout: 300_000 },
    async (_what, world, { ends, result }) => {
      const seen = new Set<string>();
      for (let cutAfter = 1; ; cutAfter++) {
        const { machine, cut, begun } = await through(world, cutAfter);
        if (!cut) break;
        const outcome = await machine.outcome();
        seen.add(machine.runs);
        const about = `cut after ${cutAfter} effects`;
        // A cut that comes before the upgrade has begun leaves the old one as it was.
        if (!begun && machine.runs === 'old') expect(outcome?.result, about).not.toBe('good');
        else expect([machine.runs, outcome?.result], about).toEqual([ends, result]);
        expect(existsSync(join(machine.dir, 'upgrade/trial')), about).toBe(false);
        expect(existsSync(join(machine.dir, 'upgrade/returned')), about).toBe(false);
        rmSync(machine.dir, { recursive: true });
        machines.pop();
      }
      expect(seen.has(ends)).toBe(true);
    },
  );
});
