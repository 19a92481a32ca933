import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCron } from '../../api/cron/cron.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { unzipFile } from '../../io/zip.ts';
import type { LogStore } from '../../store/log-store.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { checkFile } from '../../store/sqlite/upkeep.ts';
import type { KeyValue } from '../../store/store.ts';
import { fileEngine, fingerprintOf } from './engines.ts';
import { deleteSnapshots, listSnapshots, pruneSnapshots } from './folder.ts';
import { startSchedule } from './schedule.ts';
import { Snapshots, type SnapshotEngine } from './snapshots.ts';

let dir: string;
let folder: string;
let store: LogStore | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-snapshots-'));
  folder = join(dir, 'snapshots');
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const put = (key: string, value: string) => store?.put({ key, value: Buffer.from(value) });

async function ofStore(clock: FakeClock): Promise<Snapshots> {
  store = await openSqliteStore({ dir: join(dir, 'db'), clock: realClock, log: silentLog });
  return new Snapshots({
    engine: fileEngine(store),
    node: 'boat',
    disk: realDisk,
    clock,
    log: silentLog,
  });
}

describe('a snapshot', () => {
  test('is whole, verified, of root alone, and named by prefix, node and time', async () => {
    const clock = new FakeClock(1_800_000_000_500);
    const snapshots = await ofStore(clock);
    for (let i = 0; i < 200; i++) await put(`/registry/configmaps/default/c${i}`, `value ${i}`);
    const plain = await snapshots.save({ prefix: 'on-demand', dir: folder, compress: false });
    expect(plain).toMatchObject({
      name: 'on-demand-boat-1800000000',
      path: join(folder, 'on-demand-boat-1800000000'),
      bytes: statSync(plain.path).size,
    });
    expect((await checkFile(plain.path, realClock)).keys).toBe(200);
    const packed = await snapshots.save({ prefix: 'packed', dir: folder, compress: true });
    expect(packed.name).toBe('packed-boat-1800000000.zip');
    expect(packed.bytes).toBeLessThan(plain.bytes / 2);
    await unzipFile('test', { source: packed.path, target: join(dir, 'out') });
    expect((await checkFile(join(dir, 'out'), realClock)).keys).toBe(200);
    expect(readdirSync(folder).sort()).toEqual([plain.name, packed.name]);
    for (const { path } of [plain, packed])
      expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    await expect(
      snapshots.save({ prefix: 'on-demand', dir: folder, compress: false }),
    ).rejects.toMatchObject({ message: /exists already/ });
    await expect(
      snapshots.save({ prefix: '../on-demand', dir: folder, compress: false }),
    ).rejects.toMatchObject({ message: /cannot begin the name/ });
  });

  test('that fails the check is never there, nor is what a killed process left', async () => {
    const engine: SnapshotEngine = {
      copy: async (path) => writeFileSync(path, 'half'),
      verify: async () => {
        throw new Error('it is damaged');
      },
    };
    const snapshots = new Snapshots({
      engine,
      node: 'boat',
      disk: realDisk,
      clock: new FakeClock(),
      log: silentLog,
    });
    await expect(snapshots.save({ prefix: 'p', dir: folder, compress: false })).rejects.toThrow(
      'it is damaged',
    );
    expect(readdirSync(folder)).toEqual([]);
    mkdirSync(join(folder, '.p-boat-1.part'));
    writeFileSync(join(folder, '.p-boat-1.part/p-boat-1'), 'half');
    await snapshots.sweep(folder);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('of a store that has not changed is not taken again; heartbeats are no change', async () => {
    const clock = new FakeClock();
    const snapshots = await ofStore(clock);
    const take = async (): Promise<boolean> => {
      await clock.advance(1000);
      return (
        (await snapshots.saveIfChanged({
          prefix: 's',
          dir: folder,
          compress: false,
          retention: 3,
        })) !== undefined
      );
    };
    const node = (ready: string, at: string): string =>
      JSON.stringify({
        kind: 'Node',
        metadata: { name: 'boat', managedFields: [{ time: at }] },
        status: { conditions: [{ type: 'Ready', status: ready, lastHeartbeatTime: at }] },
      });
    await put('/registry/minions/boat', node('True', '1'));
    await put('/registry/configmaps/default/c', '1');
    expect([await take(), await take()]).toEqual([true, false]);
    await put('/registry/leases/kube-node-lease/boat', '1');
    await put('/registry/events/default/e', '1');
    await put('/registry/minions/boat', node('True', '2'));
    expect(await take()).toBe(false);
    await put('/registry/minions/boat', node('False', '3'));
    expect([await take(), await take()]).toEqual([true, false]);
    await store?.deleteRange({ key: '/registry/configmaps/default/c' });
    expect([await take(), await take()]).toEqual([true, false]);
    await put('/registry/configmaps/default/c', '1');
    expect([await take(), (await listSnapshots(realDisk, folder)).length]).toEqual([true, 3]);
    // The note alone is not believed.
    for (const { path } of await listSnapshots(realDisk, folder)) rmSync(path);
    expect(await take()).toBe(true);
    writeFileSync(join(folder, '.last.json'), 'nonsense');
    expect(await take()).toBe(true);
  }, 120_000);

  test('fingerprints tell every order of changes apart', () => {
    const kv = (key: string, modRevision: number): KeyValue => ({
      key,
      value: Buffer.from(''),
      createRevision: 1,
      modRevision,
      version: 1,
      lease: '0',
    });
    const states = [
      [],
      [kv('a', 2)],
      [kv('a', 3)],
      [kv('a', 3), kv('b', 4)],
      [kv('b', 4)],
      [kv('b', 4), kv('a', 6)],
    ];
    expect(new Set(states.map(fingerprintOf)).size).toBe(states.length);
  });
});

describe('the folder', () => {
  const names = [
    'a-boat-100',
    'a-boat-300.zip',
    'a-boat-200',
    'a-other-900',
    'ab-boat-950',
    'a-boat-x-400',
    'notes.txt',
    '.a-boat-999.part',
  ];
  beforeEach(() => {
    mkdirSync(folder);
    for (const name of names) writeFileSync(join(folder, name), name);
  });

  test('is listed with the newest first', async () => {
    expect((await listSnapshots(realDisk, folder)).map((file) => file.name).slice(1)).toEqual([
      'ab-boat-950',
      'a-other-900',
      'a-boat-x-400',
      'a-boat-300.zip',
      'a-boat-200',
      'a-boat-100',
    ]);
    expect(await listSnapshots(realDisk, join(dir, 'none'))).toEqual([]);
  });

  test('is pruned to the newest of one prefix and node', async () => {
    expect(
      (await pruneSnapshots(realDisk, folder, { prefix: 'a', node: 'boat', keep: 1 })).map(
        (file) => file.name,
      ),
    ).toEqual(['a-boat-200', 'a-boat-100']);
    expect(readdirSync(folder).sort()).toEqual(
      names.filter((name) => !['a-boat-100', 'a-boat-200'].includes(name)).sort(),
    );
  });

  test('loses all that are named or none', async () => {
    await expect(
      deleteSnapshots(realDisk, folder, ['a-boat-100', 'a-boat-101']),
    ).rejects.toMatchObject({ message: /no snapshot "a-boat-101"/, hint: /nothing was deleted/ });
    await expect(deleteSnapshots(realDisk, folder, ['../db/store.db'])).rejects.toMatchObject({
      message: /no snapshot/,
    });
    expect(existsSync(join(folder, 'a-boat-100'))).toBe(true);
    await deleteSnapshots(realDisk, folder, ['a-boat-100', 'a-boat-300.zip']);
    expect(readdirSync(folder)).toHaveLength(names.length - 2);
  });
});

describe('the schedule', () => {
  const hourMs = 3600_000;
  const midnight = Date.UTC(2027, 0, 1);

  async function started(
    startMs: number,
    newestMs: number | undefined,
  ): Promise<{ clock: FakeClock; taken: string[]; stop: () => void }> {
    const clock = new FakeClock(startMs);
    const taken: string[] = [];
    const stop = await startSchedule({
      schedule: parseCron('0 */12 * * *'),
      clock,
      log: silentLog,
      newestMs: async () => newestMs,
      take: async () => void taken.push(new Date(clock.now()).toISOString().slice(8, 16)),
    });
    return { clock, taken, stop };
  }

  test('has one timer, for the next time', async () => {
    const { clock, taken, stop } = await started(midnight + hourMs, midnight);
    expect(clock.timers).toBe(1);
    await clock.advance(30 * hourMs);
    expect(taken).toEqual(['01T12:00', '02T00:00']);
    expect(clock.timers).toBe(1);
    stop();
    await clock.advance(30 * hourMs);
    expect([taken.length, clock.timers]).toEqual([2, 0]);
  });

  test('makes up for a time when the machine was off, after it was up for a while', async () => {
    const { clock, taken } = await started(midnight + hourMs, midnight - 5 * hourMs);
    await clock.advance(5 * hourMs);
    expect(taken).toEqual(['01T03:00']);
    await clock.advance(10 * hourMs);
    expect(taken).toEqual(['01T03:00', '01T12:00']);
    expect((await started(midnight + 11 * hourMs, undefined)).clock.timers).toBe(1);
  });

  test('follows a clock that is set', async () => {
    const { clock, taken } = await started(midnight + hourMs, midnight);
    clock.jump(-3 * 24 * hourMs);
    await clock.advance(100 * hourMs);
    expect(taken[0]).toBe('30T00:00');
    expect(taken.length).toBeGreaterThan(6);
  });

  test('goes on after a failure', async () => {
    const clock = new FakeClock(midnight);
    let tries = 0;
    const complaints: string[] = [];
    await startSchedule({
      schedule: parseCron('0 * * * *'),
      clock,
      log: { ...silentLog, error: (message: string) => void complaints.push(message) },
      newestMs: async () => midnight,
      take: async () => {
        if (tries++ === 0) throw new Error('no room');
      },
    });
    await clock.advance(3 * hourMs);
    expect([tries, complaints]).toEqual([3, ['the scheduled snapshot failed']]);
  });
});

test("nothing of a snapshot is left in the store's own folder", async () => {
  const snapshots = await ofStore(new FakeClock());
  await put('a', 'b');
  await snapshots.save({ prefix: 'p', dir: folder, compress: false });
  expect(readdirSync(join(dir, 'db')).filter((name) => !name.startsWith('store.db'))).toEqual([]);
  expect(
    readFileSync(join(folder, readdirSync(folder)[0] as string))
      .subarray(0, 15)
      .toString(),
  ).toBe('SQLite format 3');
});
