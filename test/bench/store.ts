/**
 * The store against raw SQLite on the same disk, in one run: writes, bytes, start, watches, memory.
 * Needs nothing but a disk.
 */
import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '../../internal/io/clock-fake.ts';
import { realClock } from '../../internal/io/clock.ts';
import { silentLog } from '../../internal/io/log.ts';
import type { LogStore } from '../../internal/store/log-store.ts';
import { openSqliteStore } from '../../internal/store/sqlite/open.ts';
import { rawSqlite } from './raw-sqlite.ts';

const base =
  process.argv[2] === undefined || process.argv[2] === 'resident' ? '/var/tmp' : process.argv[2];
const value = Buffer.alloc(450, 'v');
const rounds = 3;
const folders: string[] = [];

const folder = (): string => {
  const dir = mkdtempSync(join(base, 'skiff-bench-'));
  folders.push(dir);
  return dir;
};
const open = (dir: string, clock = realClock): Promise<LogStore> =>
  openSqliteStore({ dir, clock, log: silentLog });
const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const written = (): number =>
  Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
const cpuUs = (): number => process.cpuUsage().user + process.cpuUsage().system;

async function timed(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function writes(): Promise<void> {
  const raw = rawSqlite(folder());
  const store = await open(folder());
  const [rates, cpu]: [number[], number[]] = [[], []];
  let next = 0;
  for (let round = 0; round < rounds; round++) {
    const rawMs = await timed(() => raw.rows(20_000, 100));
    const cpuBefore = cpuUs();
    const ownMs = await timed(async () => {
      const end = next + 20_000;
      await Promise.all(
        Array.from({ length: 64 }, async () => {
          while (next < end) await store.put({ key: `/registry/pods/default/p${next++}`, value });
        }),
      );
    });
    cpu.push((cpuUs() - cpuBefore) / 20_000);
    rates.push(rawMs / ownMs);
    say(
      `  raw ${Math.round(20_000_000 / rawMs)} rows/s at 100 a commit, store ` +
        `${Math.round(20_000_000 / ownMs)} creates/s with 64 clients`,
    );
  }
  say(
    'durable creates/s, 64 clients, of raw SQLite with 100 rows a commit: ' +
      `${median(rates).toFixed(2)} (aim >= 0.25); ${median(cpu).toFixed(0)} us of processor ` +
      'each',
  );
  raw.close();
  await store.close();
}

/**
 * One client that waits for each write, in alternation with one commit of SQLite after the other.
 */
async function lone(): Promise<void> {
  const raw = rawSqlite(folder());
  const store = await open(folder());
  const count = 300;
  const [ratios, rawUs, ownUs]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < 7; round++) {
    const rawMs = await timed(() => raw.rows(count, 1));
    const ownMs = await timed(async () => {
      for (let i = 0; i < count; i++) await store.put({ key: `/registry/leases/${i % 10}`, value });
    });
    ratios.push(ownMs / rawMs);
    rawUs.push((rawMs * 1000) / count);
    ownUs.push((ownMs * 1000) / count);
  }
  say(
    `one write, of one FULL commit: ${median(ratios).toFixed(2)} (aim <= 1.5); ` +
      `${median(ownUs).toFixed(0)} us of ${median(rawUs).toFixed(0)} us`,
  );
  raw.close();
  await store.close();
}

/**
 * An idle cluster's hour: one node, its Lease every 10 s, the leader Lease of two components every
 * 2 s, an Event every 30 s.
 */
async function idle(): Promise<void> {
  const clock = new FakeClock();
  const store = await open(folder(), clock);
  for (let i = 0; i < 500; i++) await store.put({ key: `/registry/things/${i}`, value });
  let leases = 0;
  const beat = async (name: string): Promise<void> => {
    leases++;
    await store.put({ key: `/registry/leases/${name}`, value, soft: true });
  };
  await beat('node');
  const before = written();
  leases = 0;
  for (let second = 0; second < 3600; second += 2) {
    await Promise.all([
      beat('scheduler'),
      beat('controllers'),
      ...(second % 10 === 0 ? [beat('node')] : []),
    ]);
    if (second % 30 === 0)
      await store.put({ key: `/registry/events/${second}`, value, soft: true });
    await clock.advance(2000);
  }
  await store.flushed();
  const bytes = written() - before;
  say(
    `bytes on disk per Lease update, idle hour: ${(bytes / leases).toFixed(0)} (aim <= ` +
      `1000); a day of it: ${((bytes * 24) / 1e6).toFixed(1)} MB (aim <= 50)`,
  );
  await store.close();
}

async function start(): Promise<void> {
  const dir = folder();
  const store = await open(dir);
  for (let i = 0; i < 100; i++)
    await Promise.all(
      Array.from({ length: 1000 }, (_, j) =>
        store.put({ key: `/registry/pods/ns${i}/p${j}`, value }),
      ),
    );
  await store.close();
  const raw = new Database(join(dir, 'store.db'), { readonly: true });
  const scan = await timed(() => {
    for (const _ of raw.prepare('SELECT seq, row FROM log ORDER BY seq').raw().iterate());
  });
  raw.close();
  let again: LogStore | undefined;
  const ms = await timed(async () => {
    again = await open(dir);
  });
  say(
    `start with 100,000 keys: ${ms.toFixed(0)} ms, of reading the rows alone ` +
      `(${scan.toFixed(0)} ms): ${(ms / scan).toFixed(1)}`,
  );
  const list = await timed(
    async () => void (await again?.range({ key: '/registry/pods/', end: '/registry/pods0' })),
  );
  const count = await timed(
    async () =>
      void (await again?.range({
        key: '/registry/pods/',
        end: '/registry/pods0',
        countOnly: true,
      })),
  );
  say(`range of 100,000 keys: ${list.toFixed(1)} ms; counting them: ${count.toFixed(3)} ms`);
  await again?.close();
  say(
    'memory per object of 450 bytes: ' +
      `${((residentWith(dir) - residentWith(folder())) / 100_000).toFixed(0)} bytes`,
  );
}

/** Resident memory of a fresh process that has opened the store in `dir`, garbage collected. */
function residentWith(dir: string): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', import.meta.filename, 'resident', dir],
    { encoding: 'utf8' },
  );
  if (!(Number(stdout) > 0)) throw new Error(stderr);
  return Number(stdout);
}

async function watches(): Promise<void> {
  const store = await open(folder());
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let seen = 0;
  for (let i = 0; i < 1000; i++)
    store.watch({
      key: '/registry/pods/',
      end: '/registry/pods0',
      onEvents: (events) => (seen += events.length),
      onEnd: () => undefined,
    });
  globalThis.gc?.();
  say(`memory per watch: ${((process.memoryUsage().heapUsed - before) / 1000).toFixed(0)} bytes`);
  const cpuBefore = cpuUs();
  const events = 5000;
  for (let i = 0; i < events / 100; i++)
    await Promise.all(
      Array.from({ length: 100 }, (_, j) =>
        store.put({ key: `/registry/pods/default/p${j}`, value }),
      ),
    );
  const cpu = cpuUs() - cpuBefore;
  say(
    `fan-out to 1,000 watchers: ${(((seen / cpu) * 1e6) / 1e6).toFixed(2)} million ` +
      'deliveries per second of processor, writing the events included',
  );
  await store.close();
}

if (process.argv[2] === 'resident') {
  const store = await open(process.argv[3] as string);
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 200));
  globalThis.gc?.();
  process.stdout.write(String(process.memoryUsage().rss));
  await store.close();
  process.exit();
}
try {
  await writes();
  await lone();
  await idle();
  await start();
  await watches();
} finally {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
}
