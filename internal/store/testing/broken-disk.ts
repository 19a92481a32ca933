import { strict as assert } from 'node:assert';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import type { LogStore } from '../log-store.ts';
import { openSqliteStore } from '../sqlite/open.ts';
import { type Fault, FaultDisk } from './fault-disk.ts';

/**
 * `node broken-disk.ts SCENARIO DIR`: a store as a server opens it, on a disk that refuses to work.
 * Status 0 when all went as it must.
 */
const [name = '', dir = ''] = process.argv.slice(2);
const disk = new FaultDisk();
disk.trace(dir, '/dev/null');

const open = (): Promise<LogStore> => openSqliteStore({ dir, clock: realClock, log: silentLog });
const put = async (store: LogStore, key: string): Promise<number> =>
  (await store.put({ key, value: Buffer.alloc(300, key) })).revision;
const count = async (store: LogStore): Promise<number> =>
  (await store.range({ key: '\0', end: '\0', countOnly: true })).count;
const always = { skip: 0, count: -1 };

/**
 * Every write is refused with the same error; reads, a restart and the time after it are as if
 * nothing had been.
 */
async function refused(fault: Fault, code: string, message: RegExp): Promise<void> {
  const store = await open();
  await put(store, 'before');
  disk.fail({ ...fault, ...always });
  for (const key of ['a', 'b']) await assert.rejects(put(store, key), { code, message });
  await assert.rejects(store.leaseGrant({ ttlSeconds: 60 }), { code });
  assert.equal(await count(store), 1);
  assert.equal(store.revision, 2);
  // A start while it lasts: what is there can be read.
  await store.close().catch(() => undefined);
  const again = await open();
  assert.equal(await count(again), 1);
  await assert.rejects(put(again, 'c'), { code });
  disk.heal();
  assert.equal(await put(again, 'after'), 3);
  assert.deepEqual(await again.leases(), []);
  await again.close();
  const last = await open();
  assert.equal(await count(last), 2);
  await last.close();
}

const scenarios: Record<string, () => Promise<void>> = {
  full: () =>
    refused(
      { call: 'write', error: 'ENOSPC', suffix: '*' },
      'NO_SPACE',
      /^database space exceeded$/,
    ),
  'full, half written': () =>
    refused(
      { call: 'write', error: 'ENOSPC', suffix: '*', mode: 'short' },
      'NO_SPACE',
      /^database space exceeded$/,
    ),
  'read-only': () =>
    refused({ call: 'write', error: 'EROFS', suffix: '*' }, 'UNAVAILABLE', /SQLITE_IOERR_WRITE/),
  'bad write': () =>
    refused({ call: 'write', error: 'EIO', suffix: '*' }, 'UNAVAILABLE', /SQLITE_IOERR_WRITE/),
  async 'one sync in three'() {
    const store = await open();
    for (const mode of ['keep', 'revert'] as const) {
      for (let i = 0; i < 20; i++) {
        disk.heal();
        disk.fail({ call: 'sync', error: 'EIO', suffix: '*', skip: i % 3, count: 1, mode });
        await put(store, `${mode}${i}`);
      }
    }
    disk.heal();
    await store.close();
    const again = await open();
    assert.equal(await count(again), 40);
    assert.equal(again.revision, 41);
    await again.close();
  },
  /** The process must end: the parent sees to that, and looks at what the next one finds. */
  async 'no sync'() {
    const store = await open();
    await put(store, 'before');
    disk.fail({ call: 'sync', error: 'EIO', suffix: '*', ...always });
    await put(store, 'in doubt');
    process.stdout.write('acknowledged what is not on the disk\n');
  },
  async 'after no sync'() {
    const store = await open();
    assert.deepEqual(
      (await store.range({ key: '\0', end: '\0' })).kvs.map((kv) => kv.key),
      ['before'],
    );
    assert.equal(await put(store, 'after'), 3);
    await store.close();
  },
  async unreadable() {
    const store = await open();
    for (let i = 0; i < 50; i++) await put(store, `key${i}`);
    await store.close();
    disk.fail({ call: 'read', error: 'EIO', suffix: 'store.db', ...always });
    await assert.rejects(open(), { code: 'UNAVAILABLE', hint: /kernel log/ });
    disk.heal();
    const again = await open();
    assert.equal(await count(again), 50);
    await again.close();
  },
};

await scenarios[name]?.();
