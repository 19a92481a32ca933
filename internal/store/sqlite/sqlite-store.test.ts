import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import { changeKeys, encryptionOf, fileKeeper, loadKeyRing } from '../key-ring.ts';
import type { LogStore } from '../log-store.ts';
import { openSqliteStore, type SqliteStoreOptions } from './open.ts';
import { checkFile, restoreSnapshot, snapshotStopped } from './upkeep.ts';

let dir: string;
const opened: LogStore[] = [];
const file = (): string => join(dir, 'store.db');

async function open(more: Partial<SqliteStoreOptions> = {}): Promise<LogStore> {
  const store = await openSqliteStore({ dir, clock: realClock, log: silentLog, ...more });
  opened.push(store);
  return store;
}

const fill = async (store: LogStore, from: number, to: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: to - from }, (_, i) =>
      store.put({ key: `k${from + i}`, value: Buffer.from(`value ${from + i}`) }),
    ),
  );
};
const count = async (store: LogStore): Promise<number> =>
  (await store.range({ key: '\0', end: '\0', countOnly: true })).count;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-sqlite-'));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close().catch(() => undefined);
  rmSync(dir, { recursive: true, force: true });
});

describe('the file', () => {
  test('holds what was written, and lets only one in', async () => {
    const store = await open();
    await fill(store, 0, 500);
    await expect(open()).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: 'stop it first' });
    await store.close();
    const again = await open();
    expect(await count(again)).toBe(500);
    expect(again.revision).toBe(501);
    await again.close();
    expect(await checkFile(file(), realClock)).toMatchObject({
      keys: 500,
      revision: 501,
      clean: true,
    });
  });

  test("another program's database is refused", async () => {
    writeFileSync(
      file(),
      'this is not a database at all, but is long enough to look like a file of something'.repeat(
        20,
      ),
    );
    await expect(open()).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('a torn end of the write-ahead log is thrown away, a damaged row is not', async () => {
    const store = await open();
    await fill(store, 0, 100);
    await fill(store, 100, 110);
    // What a power cut leaves: the files as they are, the last bytes of the log missing.
    const crash = mkdtempSync(join(tmpdir(), 'skiff-crash-'));
    for (const name of ['store.db', 'store.db-wal'])
      copyFileSync(join(dir, name), join(crash, name));
    const wal = join(crash, 'store.db-wal');
    truncateSync(wal, statSync(wal).size - 5);
    const torn = await open({ dir: crash });
    expect([100, 110]).toContain(await count(torn));
    await torn.close();
    const bytes = readFileSync(join(crash, 'store.db'));
    const at = bytes.indexOf('value 50');
    bytes[at] = (bytes[at] as number) ^ 0xff;
    writeFileSync(join(crash, 'store.db'), bytes);
    await expect(open({ dir: crash })).rejects.toMatchObject({
      code: 'CORRUPT',
      hint: expect.stringContaining('restore a snapshot') as string,
    });
    rmSync(crash, { recursive: true });
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  test('fails the writes it must, loses nothing, and works again when there is room', async () => {
    const small = mkdtempSync(join(tmpdir(), 'skiff-small-'));
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', small]).status !== 0) return;
    try {
      const store = await openSqliteStore({ dir: small, clock: realClock, log: silentLog });
      writeFileSync(join(small, 'ballast'), Buffer.alloc(1024 * 1024));
      let written = 0;
      for (let i = 0; i < 4000; i++) {
        const failed = await store.put({ key: `k${i}`, value: Buffer.alloc(2000) }).then(
          () => undefined,
          (error: { code: string }) => error.code,
        );
        if (failed !== undefined) {
          expect(failed).toBe('NO_SPACE');
          break;
        }
        written++;
      }
      expect(written).toBeGreaterThan(100);
      expect(written).toBeLessThan(4000);
      expect(await count(store)).toBe(written);
      rmSync(join(small, 'ballast'));
      expect((await store.put({ key: 'more', value: Buffer.alloc(2000) })).revision).toBe(
        written + 2,
      );
      await store.close();
      const again = await openSqliteStore({ dir: small, clock: realClock, log: silentLog });
      expect(await count(again)).toBe(written + 1);
      await again.close();
    } finally {
      spawnSync('umount', ['-l', small]);
      rmSync(small, { recursive: true, force: true });
    }
  });
});

describe('snapshots', () => {
  test('are taken under load, checked, restored above every revision handed out', async () => {
    const store = await open();
    await fill(store, 0, 200);
    const target = join(dir, 'snapshot.db');
    const more = fill(store, 200, 400);
    await store.snapshot(target);
    await more;
    await expect(
      restoreSnapshot({ snapshot: target, dir, clock: realClock }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const last = store.revision;
    await store.close();
    const checked = await checkFile(target, realClock);
    expect(checked.keys).toBeGreaterThanOrEqual(200);
    const { kept } = await restoreSnapshot({ snapshot: target, dir, clock: realClock });
    expect(kept !== undefined && existsSync(kept)).toBe(true);
    const again = await open();
    expect(await count(again)).toBe(checked.keys);
    expect(again.revision).toBeGreaterThan(last);
    await again.close();
    await snapshotStopped(dir, join(dir, 'second.db'));
    expect((await checkFile(join(dir, 'second.db'), realClock)).keys).toBe(checked.keys);
    const cut = join(dir, 'cut.db');
    writeFileSync(cut, readFileSync(target).subarray(0, 8192));
    await expect(restoreSnapshot({ snapshot: cut, dir, clock: realClock })).rejects.toMatchObject({
      code: 'CORRUPT',
    });
  });
});

describe('encryption at rest', () => {
  const secret = Buffer.from('correct horse battery staple');

  test('hides values, follows a change of keys while running, and asks for its keys', async () => {
    const ring = { disk: realDisk, random: realRandom, path: join(dir, 'keys.json') };
    const first = await loadKeyRing(ring);
    const store = await open({ encryption: first });
    for (let i = 0; i < 300; i++)
      void store.put({ key: `/registry/secrets/default/${i}`, value: secret });
    await store.put({
      key: '/registry/configmaps/default/a',
      value: Buffer.from('open to all eyes'),
    });
    const onDisk = (): string =>
      ['', '-wal']
        .map((s) => (existsSync(file() + s) ? readFileSync(file() + s).toString('latin1') : ''))
        .join('');
    expect(onDisk()).toContain('open to all eyes');
    expect(onDisk()).not.toContain('correct horse');
    const rotated = encryptionOf(
      await changeKeys({ keeper: fileKeeper(ring), random: realRandom, store, change: 'rotate' }),
    );
    expect(rotated.keys[1]?.id).toBe(first.keys[0]?.id);
    expect(rotated.keys[0]?.id).not.toBe(first.keys[0]?.id);
    await store.put({ key: '/registry/secrets/default/new', value: secret });
    await store.close();
    await expect(open()).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('no key') as string,
    });
    await expect(open({ encryption: first })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('unknown key') as string,
    });
    // The key before is only kept for old snapshots.
    const again = await open({ encryption: { ...rotated, keys: rotated.keys.slice(0, 1) } });
    const { kvs } = await again.range({ key: '/registry/secrets/', end: '/registry/secrets0' });
    expect(kvs).toHaveLength(301);
    expect(kvs.every((kv) => Buffer.from(kv.value).equals(secret))).toBe(true);
    expect(kvs[0]).toMatchObject({ version: 1, createRevision: 2 });
  });
});
