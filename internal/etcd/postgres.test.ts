import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import type { GrpcServer } from '../io/grpc-server.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import { openPostgresStore } from '../store/postgres/open.ts';
import { startPostgres, type PostgresProcess } from '../store/postgres/testing/postgres-process.ts';
import type { Store } from '../store/store.ts';
import { serveEtcd } from './server.ts';
import { compareServers } from './testing/differential.ts';
import { etcdBinary, startEtcd, type EtcdProcess } from './testing/etcd-process.ts';

/** SKIFF_DIFFERENTIAL_SECONDS=1800 for the long run; SKIFF_SEED names another seed, or random. */
const seconds = Number(process.env['SKIFF_DIFFERENTIAL_SECONDS'] ?? 30);
const binary = etcdBinary();

describe('etcd as the oracle of the store on PostgreSQL', () => {
  let etcd: EtcdProcess;
  let postgres: PostgresProcess;
  const stores: Store[] = [];
  const faces: GrpcServer[] = [];

  beforeAll(async () => {
    [etcd, postgres] = await Promise.all([startEtcd(binary), startPostgres()]);
    // A second server follows the log and has nothing to say.
    for (let i = 0; i < 2; i++)
      stores.push(
        await openPostgresStore({
          endpoint: postgres.url('differential'),
          historyMs: 0,
          clock: realClock,
          disk: realDisk,
          log: silentLog,
        }),
      );
    faces.push(
      await serveEtcd(stores[0] as Store, {
        listen: [{ host: '127.0.0.1', port: 0 }],
        clock: realClock,
        log: silentLog,
        name: 'default',
      }),
    );
  });

  afterAll(async () => {
    for (const store of stores) await store.close();
    for (const face of faces) await face.close();
    await etcd?.stop();
    await postgres?.stop();
  });

  test(
    `${seconds} s of random requests get the same answers, and a second server the same state`,
    async () => {
      const seed = testSeed();
      console.log(`differential seed ${seed}`);
      const done = await compareServers({
        left: etcd.endpoint,
        right: `http://127.0.0.1:${faces[0]?.ports[0]}`,
        random: seededRandom(seed),
        forMs: seconds * 1000,
      });
      console.log(
        `differential: ${done.ops} requests, revision ${done.revision}, ${done.events} ` +
          'events, all equal',
      );
      expect(done.ops).toBeGreaterThan(seconds);
      const all = await Promise.all(
        stores.map(async (store) => await store.range({ key: '\0', end: '\0' })),
      );
      const plain = all.map(({ revision, kvs }) => ({
        revision,
        kvs: kvs.map(({ key, value, createRevision, modRevision, version, lease }) => ({
          key,
          value: Buffer.from(value).toString('hex'),
          createRevision,
          modRevision,
          version,
          lease,
        })),
      }));
      expect(plain[1]).toEqual(plain[0]);
      expect((await stores[1]?.leases())?.sort()).toEqual((await stores[0]?.leases())?.sort());
    },
    (seconds + 60) * 1000,
  );
});
