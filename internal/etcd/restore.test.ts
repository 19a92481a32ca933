import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireProgram } from '../../test/packages.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realProcesses } from '../io/processes.ts';
import { realRandom } from '../io/random.ts';
import { realSpawn } from '../io/spawn.ts';
import { loadOrCreateEtcd, type EtcdIdentities } from '../pki/etcd-authority.ts';
import type { Store } from '../store/store.ts';
import { bumpRevision } from './bump-revision.ts';
import { openEtcdStore } from './client/etcd-store.ts';
import { saveSnapshot, verifyDigest } from './client/snapshot.ts';
import { startManagedEtcd, type ManagedEtcd } from './managed.ts';
import { clientTls } from './members.ts';
import { checkNotCutOff, restoreMember } from './restore.ts';
import { fastDir } from './testing/etcd-process.ts';

requireProgram('etcdctl');
const binary = requireProgram('etcd');
const dir = fastDir();
const step = 1_000_000_000;
let identities: EtcdIdentities;
let running: ManagedEtcd | undefined;
beforeAll(async () => {
  identities = await loadOrCreateEtcd({
    dir: join(dir, 'tls'),
    names: [],
    disk: realDisk,
    clock: realClock,
    random: realRandom,
  });
});
afterAll(async () => {
  await running?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const peerUrl = freePort().then((port) => `https://127.0.0.1:${port}`);
const member = join(dir, 'etcd');

async function start(): Promise<{ etcd: ManagedEtcd; store: Store }> {
  const etcd = await startManagedEtcd({
    dir: member,
    tlsDir: join(dir, 'tls'),
    identities,
    name: 'one',
    clientUrl: `https://127.0.0.1:${await freePort()}`,
    peerUrl: await peerUrl,
    binary,
    clock: realClock,
    disk: realDisk,
    spawn: realSpawn,
    processes: realProcesses,
    log: silentLog,
  });
  running = etcd;
  return {
    etcd,
    store: await openEtcdStore({
      endpoints: [etcd.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    }),
  };
}

const all = { key: '\0', end: '\0' };
const save = (etcd: ManagedEtcd, target: string): Promise<boolean> =>
  saveSnapshot({
    endpoints: [etcd.endpoint],
    tls: clientTls(identities),
    disk: realDisk,
    target,
    withDigest: true,
  });
const restore = async (snapshot: string, stamp: number): ReturnType<typeof restoreMember> =>
  await restoreMember({
    snapshot,
    dir: member,
    name: 'one',
    peerUrl: await peerUrl,
    stamp,
    disk: realDisk,
    spawn: realSpawn,
  });

describe('a member of an etcd', () => {
  // A bucket that lies in its name's page, branches above leaves, and leaves of large records.
  test.each([
    [3, 10],
    [3000, 300],
    [40, 20_000],
  ])(
    'with %i keys is restored, above every revision that was handed out',
    async (keys, bytes) => {
      rmSync(member, { recursive: true, force: true });
      const before = await start();
      for (let at = 0; at < keys; at += 100) {
        await before.store.txn({
          compare: [],
          success: Array.from({ length: Math.min(100, keys - at) }, (_, i) => ({
            op: 'put' as const,
            key: `k${at + i}`,
            value: Buffer.alloc(bytes, at + i),
          })),
          failure: [],
        });
      }
      if (keys > 0) await before.store.put({ key: 'k0', value: Buffer.from('newest') });
      const kept = (await before.store.range(all)).kvs;
      const file = join(dir, `snapshot-${keys}-${bytes}`);
      expect(await save(before.etcd, file)).toBe(true);
      await verifyDigest(file);
      await before.store.deleteRange(all);
      await before.store.put({ key: 'later', value: Buffer.from('lost') });
      const handedOut = before.store.revision;
      await before.store.close();
      await before.etcd.stop();
      const restored = await restore(file, keys + bytes);
      expect(restored.kept !== undefined && existsSync(join(restored.kept, 'member'))).toBe(true);
      const after = await start();
      expect((await after.store.range(all)).kvs).toEqual(kept);
      expect(after.store.revision).toBe(restored.revision + step);
      expect(after.store.revision).toBeGreaterThan(handedOut);
      // Once compacted, whoever still holds an old revision is told so.
      await after.store.compact(after.store.revision);
      const why = await new Promise((resolve) =>
        after.store.watch({
          ...all,
          startRevision: handedOut,
          onEvents: () => undefined,
          onEnd: resolve,
        }),
      );
      expect(why).toMatchObject({ reason: 'compacted' });
      const { revision } = await after.store.put({ key: 'next', value: Buffer.from('1') });
      expect(revision).toBe(restored.revision + step + 1);
      expect(await save(after.etcd, `${file}-again`)).toBe(true);
      await after.store.close();
      await after.etcd.stop();
    },
    60_000,
  );

  test('is left alone when the file is damaged, cut, or something else', async () => {
    const good = readFileSync(join(dir, 'snapshot-3-10'));
    const bent = Buffer.from(good);
    bent[5000] = (bent[5000] as number) ^ 1;
    mkdirSync(join(dir, 'bad'));
    for (const [name, bytes] of Object.entries({
      bent,
      cut: good.subarray(0, 9000),
      text: Buffer.from('this is not a snapshot'),
    })) {
      writeFileSync(join(dir, 'bad', name), bytes);
      await expect(restore(join(dir, 'bad', name), 1)).rejects.toMatchObject({
        code: 'CORRUPT',
        hint: 'take another snapshot',
      });
    }
    expect(existsSync(join(member, 'member'))).toBe(true);
    // What a power cut leaves in the middle keeps an empty etcd from being started, until the
    // restore is run again.
    mkdirSync(`${member}-restore-7`);
    await checkNotCutOff({ dir: member, disk: realDisk });
    renameSync(member, `${member}-old-7`);
    await expect(checkNotCutOff({ dir: member, disk: realDisk })).rejects.toMatchObject({
      message: /was cut off/,
      hint: /run it again/,
    });
    await restore(join(dir, 'snapshot-3-10'), 8);
    await checkNotCutOff({ dir: member, disk: realDisk });
    expect([existsSync(join(member, 'member')), existsSync(`${member}-restore-7`)]).toEqual([
      true,
      false,
    ]);
    expect(() => bumpRevision(good.subarray(0, 4096 * 3), 1)).toThrow(/not the data of an etcd/);
    expect(() => bumpRevision(Buffer.alloc(20_000), 1)).toThrow(/no beginning/);
  });
});
