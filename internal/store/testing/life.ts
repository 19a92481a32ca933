import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { type Random, seededRandom } from '../../io/random.ts';
import type { LogStore } from '../log-store.ts';
import { makeStoreDir } from '../sqlite/folder.ts';
import { openSqliteStore } from '../sqlite/open.ts';
import { CrashDisk, type DiskKind, type Files } from './crash-disk.ts';
import { type DiskCall, readTrace } from './disk-trace.ts';
import { FaultDisk } from './fault-disk.ts';
import { openInlineStore } from './inline-journal.ts';
import { judge, judgeSnapshots, look, requireThat, type Found } from './judge.ts';
import { Ledger, type Note } from './ledger.ts';
import { encryptionAt, type LifeStyle, LifeClock, styleOf, Workload } from './workload.ts';

/**
 * Lives like this one go through the writer thread and the mailbox; their batches depend on time as
 * well as on the seed.
 */
const threadedOneIn = 4;
/** Cuts after which the recovery is recorded too, and cut again. */
const secondCutOneIn = 3;
/** Cuts after which the store is opened as a server opens it. */
const fullOpenOneIn = 12;
const historyMs = 60_000;

export interface LifeResult {
  calls: number;
  states: number;
  secondStates: number;
  style: string;
}

interface Episode {
  calls: DiskCall[];
  start: Files;
  ledger: Ledger;
  root: string;
}

/**
 * One life of a store on a disk that is watched, and then all the power cuts that it might have
 * met.
 */
export class Life {
  readonly #dir: string;
  readonly #random: Random;
  readonly #seed: number;
  readonly #disk = new FaultDisk();
  readonly #style: LifeStyle;
  readonly #threaded: boolean;
  #states = 0;
  #secondStates = 0;

  constructor(dir: string, seed: number) {
    this.#dir = dir;
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#style = styleOf(this.#random);
    this.#threaded = this.#random.int(threadedOneIn) === 0;
  }

  async run(states: number, steps: number): Promise<LifeResult> {
    const episode = await this.#record(steps);
    await this.#cuts(episode, states, async (files, at, kind) => {
      this.#states++;
      const second = await this.#survive(episode, files, at);
      if (second !== undefined)
        await this.#cuts(
          second,
          2,
          (again, place) => this.#surviveAgain(second, again, place),
          kind,
        );
    });
    return {
      calls: episode.calls.length,
      states: this.#states,
      secondStates: this.#secondStates,
      style: this.#describe(),
    };
  }

  #describe(): string {
    return `${this.#threaded ? 'threaded' : 'inline'} ${Object.entries(this.#style)
      .filter(([, on]) => on === true)
      .map(([name]) => name)
      .join(' ')}`;
  }

  /** Lives, and watches what comes to the disk. */
  async #record(steps: number): Promise<Episode> {
    const root = join(this.#dir, 'life');
    mkdirSync(root);
    const trace = join(this.#dir, 'trace');
    this.#disk.trace(root, trace);
    const workload = new Workload({
      random: this.#random,
      style: this.#style,
      clock: new LifeClock(),
      note: (note) => this.#disk.note(note),
    });
    const dir = join(root, 'db');
    const checkpointPages = 4 + this.#random.int(60);
    const open = async (): Promise<LogStore> => {
      const { encryption, clock } = workload;
      if (this.#threaded)
        return openSqliteStore({
          dir,
          clock,
          log: silentLog,
          random: this.#random,
          historyMs,
          encryption,
        });
      makeStoreDir(dir);
      return (
        await openInlineStore({
          path: join(dir, 'store.db'),
          clock,
          seed: this.#seed,
          historyMs,
          checkpointPages,
          encryption,
        })
      ).store;
    };
    await workload.begin(await open());
    for (let i = 0; i < steps; i++) {
      const fault = workload.fault();
      if (fault) {
        this.#disk.heal();
        this.#disk.fail(fault);
      }
      await workload.step(root);
      if (this.#style.faults && this.#random.int(3) === 0) this.#disk.heal();
      if (this.#style.upkeep && this.#random.int(25) === 0) {
        this.#disk.heal();
        await workload.store.close();
        await workload.begin(await open());
      }
    }
    this.#disk.heal();
    await workload.store.close();
    this.#disk.stop();
    const episode = episodeOf(root, trace, new Map(), {
      keys: new Map(),
      leases: new Map(),
      revision: 1,
    });
    this.#sameAsDisk(episode);
    return episode;
  }

  /** The trace tells the whole story: replayed, it gives the files that are there. */
  #sameAsDisk({ calls, start, root }: Episode): void {
    const disk = new CrashDisk(root, 'journaled', start);
    for (const call of calls) disk.apply(call);
    for (const [path, bytes] of disk.live())
      if (!path.endsWith('/'))
        requireThat(
          bytes.equals(readFileSync(join(root, path))),
          `${path} is not what its trace says`,
        );
  }

  /** Cuts the power at some moments, more of them where there is more than appending. */
  async #cuts(
    episode: Episode,
    count: number,
    survive: (files: Files, at: number, kind: DiskKind) => Promise<void>,
    only?: DiskKind,
  ): Promise<void> {
    const kind = only ?? (this.#random.int(3) === 0 ? 'loose' : 'journaled');
    const disk = new CrashDisk(episode.root, kind, episode.start);
    const rare = episode.calls.flatMap((call, at) => (isRare(call, episode.calls) ? [at] : []));
    const moments = Array.from({ length: count }, () =>
      rare.length > 0 && this.#random.int(2) === 0
        ? (rare[this.#random.int(rare.length)] as number) + this.#random.int(4)
        : this.#random.int(episode.calls.length + 1),
    );
    moments.sort((a, b) => a - b);
    for (let at = 0, next = 0; next < moments.length; at++) {
      while (next < moments.length && (moments[next] as number) <= at) {
        next++;
        const files = disk.crash(this.#random);
        try {
          await survive(files, Math.min(at, episode.calls.length), kind);
        } catch (error) {
          const failed = join(this.#dir, 'failed');
          materialize(failed, files, undefined);
          throw new Error(
            `seed ${this.#seed} (${this.#describe()}), ${kind} disk, cut before call ${at} ` +
              `of ${episode.calls.length}: ${(error as Error).message}\nthe files as they were ` +
              `found: ${failed}`,
            { cause: error },
          );
        }
      }
      const call = episode.calls[at];
      if (call !== undefined) disk.apply(call);
    }
  }

  /** Opens what a cut left; sometimes this start is recorded in its turn. */
  async #survive(episode: Episode, files: Files, at: number): Promise<Episode | undefined> {
    const root = join(this.#dir, 'cut');
    materialize(root, files, this.#random);
    const recorded = this.#random.int(secondCutOneIn) === 0;
    const trace = join(this.#dir, 'trace2');
    rmSync(trace, { force: true });
    if (recorded) this.#disk.trace(root, trace);
    const expected = episode.ledger.expectationAt(at);
    const full = !recorded && this.#random.int(fullOpenOneIn) === 0;
    const clock = new LifeClock();
    const encryption = this.#style.encrypted ? encryptionAt(0) : undefined;
    const { store, drop } = full
      ? {
          store: await openSqliteStore({
            dir: join(root, 'db'),
            clock,
            log: silentLog,
            encryption,
          }),
          drop: undefined,
        }
      : await this.#open(root, clock);
    const found = await judge(store, expected, this.#random);
    const notes = new Workload({
      random: this.#random,
      style: { ...this.#style, faults: false },
      clock,
      firstNumber: 1_000_000,
      note: (note) => recorded && this.#disk.note(note),
    });
    await notes.begin(store);
    const { revision } = await store.put({ key: 'hard0', value: Buffer.from('after the cut') });
    requireThat(
      revision === found.revision + 1,
      `the first revision after the cut is ${revision} where the store stood at ${found.revision}`,
    );
    for (let i = 0; i < 3; i++) await notes.step(root);
    // Behind whatever else is on its way: leases that have just expired.
    await store.put({ key: 'hard0', value: Buffer.from('the last') });
    const last = await look(store);
    if (drop && this.#random.int(2) === 0) drop();
    else await store.close();
    this.#disk.stop();
    await this.#again(root, last);
    const names = [...files.keys()].filter((path) => path.endsWith('.snap'));
    await judgeSnapshots(root, expected, names, encryption);
    return recorded ? episodeOf(root, trace, files, found) : undefined;
  }

  /** The second start shows what was there before, soft state perhaps aside. */
  async #again(root: string, last: Found): Promise<void> {
    const { store } = await this.#open(root, new LifeClock());
    const again = await look(store);
    for (const [key, version] of last.keys)
      if (!key.startsWith('soft'))
        requireThat(
          again.keys.get(key)?.mod === version.mod,
          `${key} of revision ${version.mod} is ${again.keys.get(key)?.mod ?? 'lost'} after ` +
            'the second start',
        );
    requireThat(
      again.revision >= last.revision,
      `the second start went back to revision ${again.revision} from ${last.revision}`,
    );
    await store.close();
  }

  async #surviveAgain(episode: Episode, files: Files, at: number): Promise<void> {
    this.#secondStates++;
    const root = join(this.#dir, 'cut2');
    materialize(root, files, this.#random);
    const { store } = await this.#open(root, new LifeClock());
    const found = await judge(store, episode.ledger.expectationAt(at), this.#random);
    await store.put({ key: 'hard0', value: Buffer.from('after the second cut') });
    await store.close();
    await this.#again(root, {
      ...found,
      keys: new Map([...found.keys].filter(([key]) => key !== 'hard0')),
    });
  }

  #open(root: string, clock: FakeClock): ReturnType<typeof openInlineStore> {
    const dir = join(root, 'db');
    makeStoreDir(dir);
    const encryption = this.#style.encrypted ? encryptionAt(0) : undefined;
    return openInlineStore({
      path: join(dir, 'store.db'),
      clock,
      seed: this.#seed,
      historyMs,
      checkpointPages: 8,
      encryption,
    });
  }
}

function episodeOf(root: string, trace: string, start: Files, base: Found): Episode {
  const calls = readTrace(readFileSync(trace));
  const notes = calls.flatMap((call, at) =>
    call.call === 'note' ? [{ at, note: JSON.parse(call.text) as Note }] : [],
  );
  return { calls, start, root, ledger: new Ledger(base, notes) };
}

/**
 * Everything but appending to the write-ahead log: checkpoints, names, sizes, syncs that failed.
 */
function isRare(call: DiskCall, calls: DiskCall[]): boolean {
  if (call.call === 'note') return false;
  if ((call.call !== 'write' && call.call !== 'sync') || (call.call === 'sync' && call.failed))
    return true;
  return !pathsOf(calls).get(call.id)?.endsWith('-wal');
}

const paths = new WeakMap<DiskCall[], Map<number, string>>();
function pathsOf(calls: DiskCall[]): Map<number, string> {
  let known = paths.get(calls);
  if (known === undefined) {
    known = new Map(
      calls.flatMap((call) =>
        call.call === 'open' ? [[call.id, call.path] as [number, string]] : [],
      ),
    );
    paths.set(calls, known);
  }
  return known;
}

/**
 * Writes the files, and anything at all in the place of SQLite's shared memory, which nobody syncs.
 */
export function materialize(root: string, files: Files, random: Random | undefined): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  for (const path of files.keys())
    if (path.endsWith('/')) mkdirSync(join(root, path), { recursive: true });
  for (const [path, bytes] of files) {
    if (path.endsWith('/')) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
    if (random && path.endsWith('store.db') && random.int(3) === 0)
      writeFileSync(`${join(root, path)}-shm`, random.bytes(random.int(2) === 0 ? 4096 : 32_768));
  }
}
