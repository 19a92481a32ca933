import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { silentLog } from '../io/log.ts';
import { realDisk } from '../io/disk.ts';
import { seededRandom } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import { runDatastore, type Datastore } from './datastore.ts';
import { compareServers } from './testing/differential.ts';
import { etcdBinary, fastDir, startEtcd, type EtcdProcess } from './testing/etcd-process.ts';

/** SKIFF_DIFFERENTIAL_SECONDS=1800 for the long run; SKIFF_SEED names another seed, or random. */
const seconds = Number(process.env['SKIFF_DIFFERENTIAL_SECONDS'] ?? 60);
const binary = etcdBinary();

describe('etcd as the oracle', () => {
  let etcd: EtcdProcess;
  let datastore: Datastore;
  const dir = fastDir();

  beforeAll(async () => {
    etcd = await startEtcd(binary);
    datastore = await runDatastore({
      dataDir: dir,
      listenClientUrls: ['http://127.0.0.1:0'],
      historyMs: 0,
      clock: realClock,
      disk: realDisk,
      log: silentLog,
    });
  }, 30_000);

  afterAll(async () => {
    await datastore?.close();
    await etcd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  test(
    `${seconds} s of random requests get the same answers`,
    async () => {
      const seed = testSeed();
      console.log(`differential seed ${seed}`);
      const done = await compareServers({
        left: etcd.endpoint,
        right: datastore.urls[0] as string,
        random: seededRandom(seed),
        forMs: seconds * 1000,
      });
      console.log(
        `differential with etcd ${done.version}: ${done.ops} requests, revision ` +
          `${done.revision}, ${done.events} events, all equal`,
      );
      expect(done.ops).toBeGreaterThan(seconds);
    },
    (seconds + 60) * 1000,
  );
});
