import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { isReadOnly } from '../../io/filesystem.ts';
import { silentLog } from '../../io/log.ts';
import type { LogStore } from '../log-store.ts';
import { openSqliteStore } from './open.ts';

/** Writes until nothing more goes in, not one byte. */
function fill(path: string): void {
  const file = openSync(path, 'a');
  for (const size of [1 << 20, 4096, 1]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size, 1));
    } catch (error) {
      expect((error as { code: string }).code).toBe('ENOSPC');
    }
  }
  closeSync(file);
}

const reserve = 4 << 20;
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
const until = async (reached: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !reached(); i++) await realClock.sleep('test', 50);
  expect(reached()).toBe(true);
};

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  let disk: string;
  let store: LogStore;
  const open = (): Promise<LogStore> =>
    openSqliteStore({ dir: join(disk, 'db'), clock: realClock, log: silentLog, reserve: true });
  const put = (key: string, bytes = 2000): Promise<unknown> =>
    store.put({ key, value: Buffer.alloc(bytes, key) });

  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'skiff-room-'));
    // 64 MiB: a reserve of four.
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', disk]).status).toBe(0);
    store = await open();
    for (let i = 0; i < 50; i++) await put(`status${i}`);
    await until(() => statSync(join(disk, 'db/store.reserve')).size === reserve);
  });
  afterEach(async () => {
    await store.close().catch(() => undefined);
    spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  test('takes statuses and deletions, refuses what adds, recovers when there is room', async () => {
    const seen: string[] = [];
    store.room.follow((state) => void seen.push(state));
    fill(join(disk, 'ballast'));
    for (let round = 0; round < 8; round++)
      for (let i = 0; i < 50; i++)
        expect(await codeOf(put(`status${i}`, 2000 + round))).toBe('done');
    expect(store.room.state).toBe('scarce');
    expect(await codeOf(put('new'))).toBe('NO_SPACE');
    expect(await codeOf(put('status1', 20_000))).toBe('NO_SPACE');
    expect(await codeOf(store.deleteRange({ key: 'status2' }))).toBe('done');
    expect((await store.range({ key: 'status', end: 'statut', countOnly: true })).count).toBe(49);
    rmSync(join(disk, 'ballast'));
    await until(() => store.room.state === 'ample');
    expect(await codeOf(put('new'))).toBe('done');
    expect(seen).toEqual(['ample', 'scarce', 'ample']);
    expect(statSync(join(disk, 'db/store.reserve')).size).toBe(reserve);
  });

  test('somebody who takes every byte that is freed does not win', async () => {
    const flood = spawn('bash', [
      '-c',
      `while :; do head -c 65536 /dev/zero >> ${join(disk, 'flood')}; done 2>/dev/null`,
    ]);
    try {
      await until(
        () =>
          spawnSync('bash', ['-c', `[ $(df --output=avail ${disk} | tail -1) = 0 ]`]).status === 0,
      );
      for (let round = 0; round < 8; round++)
        for (let i = 0; i < 50; i++)
          expect(await codeOf(put(`status${i}`, 2000 + round))).toBe('done');
      expect(await codeOf(store.deleteRange({ key: 'status2' }))).toBe('done');
    } finally {
      flood.kill('SIGKILL');
    }
  });

  test('a store that was killed opens, says so, and heals', async () => {
    // The files as a kill leaves them: there is no orderly end.
    const other = join(disk, 'db2');
    spawnSync('bash', [
      '-c',
      `mkdir ${other} && cp ${join(disk, 'db')}/store.db* ${other} && rm -f ${other}/*-shm`,
    ]);
    fill(join(disk, 'ballast'));
    expect(existsSync(join(other, 'store.reserve'))).toBe(false);
    const again = await openSqliteStore({
      dir: other,
      clock: realClock,
      log: silentLog,
      reserve: true,
    });
    expect((await again.range({ key: 'status', end: 'statut', countOnly: true })).count).toBe(50);
    await until(() => again.room.state === 'scarce');
    expect(await codeOf(again.put({ key: 'new', value: Buffer.alloc(10) }))).toBe('NO_SPACE');
    rmSync(join(disk, 'ballast'));
    await until(() => again.room.state === 'ample');
    expect(await codeOf(again.put({ key: 'new', value: Buffer.alloc(10) }))).toBe('done');
    await again.close();
  });

  test(
    'a store on a file system that is read-only can be read, and writes as soon as that can be ' +
      'written',
    async () => {
      const other = join(disk, 'db2');
      spawnSync('bash', ['-c', `mkdir ${other} && cp ${join(disk, 'db')}/store.* ${other}`]);
      await store.close();
      expect(spawnSync('mount', ['-o', 'remount,ro', disk]).status).toBe(0);
      const again = await openSqliteStore({
        dir: other,
        clock: realClock,
        log: silentLog,
        reserve: true,
      });
      expect((await again.range({ key: 'status', end: 'statut', countOnly: true })).count).toBe(50);
      await until(() => again.room.state === 'read-only');
      for (const refused of [
        again.put({ key: 'status1', value: Buffer.alloc(10) }),
        again.deleteRange({ key: 'status1' }),
      ])
        expect(await codeOf(refused)).toBe('READ_ONLY');
      expect(spawnSync('mount', ['-o', 'remount,rw', disk]).status).toBe(0);
      await until(() => again.room.state === 'ample');
      expect(await codeOf(again.put({ key: 'status1', value: Buffer.alloc(10) }))).toBe('done');
      await again.close();
      const last = await openSqliteStore({
        dir: other,
        clock: realClock,
        log: silentLog,
        reserve: true,
      });
      expect((await last.range({ key: 'status1' })).kvs[0]?.value.length).toBe(10);
      await last.close();
    },
  );
});

test.skipIf(process.getuid?.() !== 0)(
  'an ext4 that breaks under an open store: it is read, refuses what must last, takes soft writes',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'skiff-broken-'));
    const disk = join(dir, 'disk');
    const image = join(dir, 'image');
    const sh = (script: string): void => {
      const done = spawnSync('bash', ['-c', script, 'sh', image, disk], { encoding: 'utf8' });
      expect(done.status, done.stderr).toBe(0);
    };
    sh('truncate -s 64M $1; mkfs.ext4 -q $1; mkdir $2; mount -o loop $1 $2');
    const open = (): Promise<LogStore> =>
      openSqliteStore({ dir: join(disk, 'db'), clock: realClock, log: silentLog, reserve: true });
    let store = await open();
    try {
      const value = Buffer.from('x');
      await store.put({ key: 'kept', value });
      await store.put({ key: 'soft', value, soft: true });
      expect(await isReadOnly(disk)).toBe(false);
      sh('mount -o remount,abort $2');
      expect(await isReadOnly(disk)).toBe(true);
      expect(await codeOf(store.put({ key: 'lost', value }))).not.toBe('done');
      await until(() => store.room.state === 'read-only');
      expect(await codeOf(store.put({ key: 'lost', value }))).toBe('READ_ONLY');
      const told = { key: 'kept', value: Buffer.from('told'), softIfReadOnly: true };
      expect(await codeOf(store.put(told))).toBe('done');
      expect(await codeOf(store.put({ key: 'soft', value, soft: true }))).toBe('done');
      // It is looked at every two seconds, and stays what it is.
      await realClock.sleep('test', 2500);
      expect(store.room.state).toBe('read-only');
      const { kvs } = await store.range({ key: 'kept' });
      expect(kvs.map((kv) => Buffer.from(kv.value).toString())).toEqual(['told']);
      expect((await store.range({ key: 'lost' })).kvs).toEqual([]);
      await store.close().catch(() => undefined);
      sh('umount $2; fsck.ext4 -p $1 >/dev/null; [ $? -le 1 ] && mount -o loop $1 $2');
      store = await open();
      expect(store.room.state).toBe('ample');
      const again = await store.range({ key: 'kept' });
      expect(again.kvs.map((kv) => Buffer.from(kv.value).toString())).toEqual(['x']);
      // Where the disk takes writes it is one like any other.
      await store.put(told);
      await store.close();
      store = await open();
      expect((await store.range({ key: 'kept' })).kvs[0]?.value.length).toBe(4);
    } finally {
      await store.close().catch(() => undefined);
      spawnSync('umount', ['-l', disk]);
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
