import { afterAll, describe, expect, test } from 'vitest';
import { requireProgram } from '../../test/packages.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import type { Encryption } from '../store/cipher.ts';
import { EncryptedStore } from '../store/encrypted-store.ts';
import { openPostgresStore } from '../store/postgres/open.ts';
import { startPostgres } from '../store/postgres/testing/postgres-process.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { openEtcdStore } from './client/etcd-store.ts';
import { startEtcd } from './testing/etcd-process.ts';

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

async function onEtcd(): Promise<Store> {
  const etcd = await startEtcd(requireProgram('etcd'));
  stops.push(() => etcd.stop());
  return await openEtcdStore({ endpoints: [etcd.endpoint], clock: realClock, log: silentLog });
}

async function onPostgres(): Promise<Store> {
  const postgres = await startPostgres();
  stops.push(() => postgres.stop());
  return await openPostgresStore({
    endpoint: postgres.url('skiff'),
    tls: {},
    clock: realClock,
    disk: realDisk,
    log: silentLog,
  });
}

const secrets = { key: '/registry/secrets/', end: '/registry/secrets0' };
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
const key = (id: number): Encryption['keys'][number] => ({ id, key: realRandom.bytes(32) });

describe.each([
  ['an etcd', onEtcd],
  ['a PostgreSQL', onPostgres],
])('on %s', (_name, open) => {
  test(
    'Secrets are stored unreadable, watched readable, and change their key under concurrent ' +
      'writers',
    async () => {
      const inner = await open();
      stops.push(() => inner.close());
      const [one, two] = [key(1), key(2)];
      const sealed = (...keys: Encryption['keys']): EncryptedStore =>
        new EncryptedStore(inner, {
          clock: realClock,
          betweenWalksMs: 50,
          encryption: { prefixes: [secrets.key], keys },
        });
      const store = sealed(one);
      const seen: StoreEvent[] = [];
      const watch = store.watch({
        ...secrets,
        prevKv: true,
        onEvents: (events) => void seen.push(...events),
        onEnd: () => undefined,
      });
      await watch.progress();
      for (let i = 0; i < 20; i++)
        await store.put({ key: `${secrets.key}s${i}`, value: Buffer.from(`hidden ${i}`) });
      await store.put({ key: '/registry/pods/p', value: Buffer.from('for all eyes') });
      const raw = async (): Promise<string> =>
        (await inner.range({ key: '/registry/', end: '/registry0' })).kvs
          .map((kv) => text(kv.value))
          .join();
      expect(await raw()).not.toContain('hidden');
      expect(await raw()).toContain('for all eyes');
      let stop = false;
      let written = 0;
      const writers = [0, 1].map(async (w) => {
        while (!stop)
          await store.put({
            key: `${secrets.key}s${w}`,
            value: Buffer.from(`hidden again ${written++}`),
          });
      });
      await store.encrypt({ prefixes: [secrets.key], keys: [two, one] });
      stop = true;
      await Promise.all(writers);
      expect(written).toBeGreaterThan(2);
      expect(await store.keyCensus()).toEqual({ plain: 0, keys: [[2, 20]] });
      const { kvs } = await sealed(two).range(secrets);
      expect(
        kvs.map((kv) => text(kv.value)).every((value) => /^hidden( again)? \d+$/.test(value)),
      ).toBe(true);
      await watch.progress();
      // Each watcher sees the values, those before too, whatever key they were under.
      expect(seen.length).toBeGreaterThanOrEqual(20 + written + 18);
      expect(
        seen.every(
          (event) =>
            text(event.kv.value).startsWith('hidden') &&
            (event.prevKv === undefined || text(event.prevKv.value).startsWith('hidden')),
        ),
      ).toBe(true);
      watch.cancel();
      await expect(
        store.txn({
          compare: [
            {
              key: `${secrets.key}s1`,
              target: 'VALUE',
              result: 'EQUAL',
              operand: Buffer.from('hidden 1'),
            },
          ],
          success: [],
          failure: [],
        }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(sealed(one).range(secrets)).rejects.toMatchObject({
        code: 'CORRUPT',
        message: /unknown key 2/,
      });
    },
  );
});
