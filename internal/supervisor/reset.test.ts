import { partOf } from '../base/testing/part-of.ts';
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
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { encryptionOf, loadOrCreateKeys } from '../store/key-ring.ts';
import type { LogStore } from '../store/log-store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { verifyFile } from '../store/sqlite/verify.ts';
import type { ServerConfig } from './config.ts';
import { ownKeeper } from './datastore-keys.ts';
import { realDoors } from './doors.ts';
import { resetFlag, resetServer } from './reset.ts';
import { SecretsEncryption } from './secrets-encryption.ts';
import { fileEngine } from './snapshots/engines.ts';
import { Snapshots } from './snapshots/snapshots.ts';

const doors = { ...realDoors(false), log: silentLog };
const prefixes = ['/registry/secrets/'];
let dir: string;
let config: ServerConfig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-reset-'));
  config = partOf<ServerConfig>({
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    nodeName: 'boat',
    nodeIps: ['192.0.2.1'],
    nodeExternalIps: [],
    clusterReset: true,
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const db = (name = ''): string => join(config.dataDir, 'server/db', name);
const keeper = () => ownKeeper({ config, doors });
const restore = (path: string): Promise<string> =>
  resetServer({ ...config, clusterResetRestorePath: path }, doors);

async function open(): Promise<{ store: LogStore; secrets: SecretsEncryption }> {
  const store = await openSqliteStore({
    dir: db(),
    clock: realClock,
    log: silentLog,
    encryption: encryptionOf(await loadOrCreateKeys(keeper(), realRandom)),
  });
  const secrets = new SecretsEncryption({
    keeper: keeper(),
    values: {
      encrypt: (encryption) => store.encrypt(encryption),
      keyCensus: async () => undefined,
    },
    random: realRandom,
    log: silentLog,
  });
  await secrets.start();
  await secrets.idle();
  return { store, secrets };
}

describe('--cluster-reset on the store in data-dir', () => {
  test(
    'restores a snapshot from before a change of keys, and everything is under the new key ' +
      'again',
    async () => {
      const before = await open();
      for (let i = 0; i < 20; i++)
        await before.store.put({
          key: `/registry/secrets/default/s${i}`,
          value: Buffer.from(`hidden ${i}`),
        });
      const snapshots = new Snapshots({
        engine: fileEngine(before.store),
        node: 'boat',
        disk: doors.disk,
        clock: doors.clock,
        log: silentLog,
      });
      const { path } = await snapshots.save({
        prefix: 's',
        dir: join(dir, 'snapshots'),
        compress: true,
      });
      await before.secrets.begin('rotate');
      await before.secrets.idle();
      await before.store.deleteRange({ key: '\0', end: '\0' });
      const handedOut = before.store.revision;
      await before.store.close();
      const said = await restore(path);
      expect(said).toMatch(
        /is restored, to revision \d+; what was there is kept as .*store\.db\..*; start the server again without --cluster-reset$/,
      );
      expect(existsSync(/kept as ([^;]+);/.exec(said)?.[1] ?? '')).toBe(true);
      expect(existsSync(join(config.runDir, 'skiff.pid'))).toBe(false);
      await expect(restore(path)).rejects.toMatchObject({
        message: 'the cluster was reset already',
        hint: expect.stringContaining(resetFlag(config.dataDir)) as string,
      });
      const after = await open();
      const { kvs } = await after.store.range({ key: '\0', end: '\0' });
      expect(kvs.map((kv) => Buffer.from(kv.value).toString()).sort()).toEqual(
        Array.from({ length: 20 }, (_, i) => `hidden ${i}`).sort(),
      );
      expect(after.store.revision).toBeGreaterThan(handedOut);
      const why = await new Promise((resolve) =>
        after.store.watch({
          key: '\0',
          end: '\0',
          startRevision: handedOut,
          onEvents: () => undefined,
          onEnd: resolve,
        }),
      );
      expect(why).toMatchObject({ reason: 'compacted' });
      await after.store.close();
      const state = await keeper().read();
      expect((await verifyFile({ path: db('store.db'), prefixes })).keys).toEqual([
        [state?.keys[0]?.id, 20],
      ]);
    },
  );

  test('changes nothing when the file is not its own, damaged, or of another engine', async () => {
    const { store } = await open();
    await store.put({ key: 'a', value: Buffer.from('hay'.repeat(1000)) });
    await store.snapshot(join(dir, 'good'));
    await store.close();
    const good = readFileSync(join(dir, 'good'));
    const bent = Buffer.from(good);
    bent.write('needle', bent.indexOf('hayhay') + 10);
    const bolt = Buffer.alloc(8192);
    bolt.writeUInt32LE(0xed0cdaed, 16);
    const files: Record<string, [Buffer, RegExp]> = {
      text: [
        Buffer.from('this is not a snapshot of anything at all'),
        /not a snapshot of a datastore/,
      ],
      empty: [Buffer.alloc(0), /not a snapshot of a datastore/],
      cut: [good.subarray(0, good.length - 2000), /reset-\w+\/cut: /],
      bent: [bent, /reset-\w+\/bent: /],
      zip: [
        Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100)]),
        /not a whole ZIP archive/,
      ],
      etcd: [bolt, /snapshot of an etcd, and this server keeps its state in data-dir/],
    };
    const stored = readFileSync(db('store.db'));
    for (const [name, [bytes, why]] of Object.entries(files)) {
      writeFileSync(join(dir, name), bytes);
      const error = await restore(join(dir, name)).then(
        () => undefined,
        (e: Error & { hint?: string }) => e,
      );
      expect([name, error?.message ?? 'restored']).toEqual([name, expect.stringMatching(why)]);
      expect(error?.hint).toBeDefined();
      expect(error?.message).not.toContain('\n');
    }
    await expect(restore(join(dir, 'none'))).rejects.toMatchObject({ message: /no such file/ });
    expect(readFileSync(db('store.db')).equals(stored)).toBe(true);
    expect(existsSync(resetFlag(config.dataDir))).toBe(false);
    expect(readdirSync(db()).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(await restore(join(dir, 'good'))).toMatch(/is restored/);
  });

  test(
    'is refused where there is nothing to reset, where the datastore is kept elsewhere, and ' +
      'for another engine',
    async () => {
      await expect(resetServer(config, doors)).rejects.toMatchObject({
        message: /nothing to reset/,
      });
      await expect(
        resetServer(
          { ...config, datastore: { endpoint: 'http://192.0.2.1' }, clusterResetRestorePath: '/x' },
          doors,
        ),
      ).rejects.toMatchObject({ message: /kept elsewhere/ });
      const { store } = await open();
      await store.snapshot(join(dir, 'good'));
      await store.close();
      mkdirSync(db('etcd/member'), { recursive: true });
      await expect(restore(join(dir, 'good'))).rejects.toMatchObject({
        message: /this server keeps its state in an etcd/,
        hint: /nothing was changed/,
      });
    },
  );
});
