import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { realRandom, seededRandom } from '../io/random.ts';
import { bootstrapFormat } from '../pki/bootstrap.ts';
import { keyIdOf } from '../store/encrypted-store.ts';
import { LogStore } from '../store/log-store.ts';
import { recover } from '../store/recovery.ts';
import { MemoryJournal } from '../store/testing/memory-journal.ts';
import { followBootstrap, writeBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { keyFile, sealStore, type SealedStore } from './datastore-keys.ts';
import { realDoors } from './doors.ts';
import { SecretsEncryption } from './secrets-encryption.ts';

const doors = { ...realDoors(false), log: silentLog };
const password = 'shared';
const range = { key: '/registry/secrets/', end: '/registry/secrets0' };
let dir: string;
let inner: LogStore;
const stops: (() => void)[] = [];

interface Server extends SealedStore {
  dataDir: string;
  secrets: SecretsEncryption;
}

async function server(name: string, secretsEncryption: boolean): Promise<Server> {
  const dataDir = join(dir, name);
  const sealed = await sealStore(inner, {
    config: { dataDir, secretsEncryption } as ServerConfig,
    doors,
    passwords: { server: password, agent: password },
  });
  await sealed.settle();
  stops.push(
    await followBootstrap(inner, {
      passwords: { server: password, agent: password },
      dir: join(dataDir, 'server'),
      doors,
      changed: () => sealed.keys.refresh(),
    }),
  );
  const secrets = new SecretsEncryption({
    keeper: sealed.keys.keeper,
    values: {
      encrypt: (encryption, progress) => sealed.store.encrypt(encryption, progress),
      keyCensus: () => sealed.store.keyCensus(),
    },
    random: realRandom,
    log: silentLog,
  });
  await secrets.start();
  await secrets.idle();
  return { ...sealed, dataDir, secrets };
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-keys-'));
  const clock = new FakeClock();
  inner = new LogStore({
    journal: new MemoryJournal(),
    recovered: recover([], clock).recovered,
    clock,
    log: silentLog,
    random: seededRandom(1),
    historyMs: 0,
  });
  const files = {
    'tls/server-ca.crt': 'c',
    'tls/server-ca.key': 'k',
    'tls/client-ca.key': 'k',
    'tls/service.key': 'k',
  };
  await writeBootstrap(inner, {
    password,
    data: { format: bootstrapFormat, version: 'v1.36.3', settings: {}, files },
    modRevision: 0,
    random: realRandom,
  });
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  rmSync(dir, { recursive: true, force: true });
});

const text = (value: Uint8Array): string => Buffer.from(value).toString();

describe('servers that share a datastore', () => {
  test('make one key for all of them, and each keeps it on its disk', async () => {
    const [one, two] = await Promise.all([server('one', true), server('two', true)]);
    const three = await server('three', false);
    await one.store.put({ key: '/registry/secrets/a', value: Buffer.from('hidden') });
    expect(
      keyIdOf((await inner.range({ key: '/registry/secrets/a' })).kvs[0]?.value as Uint8Array),
    ).toBeDefined();
    for (const of of [two, three])
      expect(
        text((await of.store.range({ key: '/registry/secrets/a' })).kvs[0]?.value as Uint8Array),
      ).toBe('hidden');
    const states = await Promise.all([one, two, three].map((of) => of.keys.keeper.read()));
    expect(new Set(states.map((state) => state?.keys[0]?.id)).size).toBe(1);
    expect(states[0]).toMatchObject({ enabled: true, unfinished: undefined });
    const onDisk = (of: Server): string => readFileSync(keyFile(of.dataDir), 'utf8');
    while (onDisk(one) !== onDisk(two)) await new Promise((resolve) => setImmediate(resolve));
    // The datastore has the keys, but not for everybody's eyes.
    expect(
      (await inner.range({ key: '\0', end: '\0' })).kvs.map((kv) => text(kv.value)).join(),
    ).not.toContain(Buffer.from(states[0]?.keys[0]?.key ?? []).toString('base64'));
  });

  test(
    'may all change the key at once, and write meanwhile: nothing is lost, and in the end all ' +
      'agree',
    async () => {
      const servers = await Promise.all([server('one', true), server('two', true)]);
      let stop = false;
      const last = new Map<string, number>();
      const writers = servers.map(async (of, s) => {
        for (let n = 0; !stop; n++) {
          const key = `/registry/secrets/s${s}-${n % 40}`;
          await of.store.put({ key, value: Buffer.from(`${key} ${n}`) });
          last.set(key, n);
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      await Promise.all(
        servers.map(async ({ secrets }) => {
          await secrets.begin('rotate');
          await secrets.idle();
        }),
      );
      stop = true;
      await Promise.all(writers);
      for (const { secrets } of servers) expect((await secrets.status()).error).toBeUndefined();
      const state = await servers[0]?.keys.keeper.read();
      // The first, and one for each of two changes: none was thrown away by another.
      expect(state).toMatchObject({ unfinished: undefined, generation: 3 });
      expect(state?.keys).toHaveLength(3);
      expect(last.size).toBe(80);
      for (const { store, keys } of servers) {
        await keys.refresh();
        const { kvs } = await store.range(range);
        expect(new Map(kvs.map((kv) => [kv.key, text(kv.value)]))).toEqual(
          new Map([...last].map(([key, n]) => [key, `${key} ${n}`])),
        );
      }
      // What was written while another server's news was on its way is under the key before; a last
      // walk finds nothing else.
      await servers[1]?.secrets.begin('rotate');
      await servers[1]?.secrets.idle();
      const status = await servers[0]?.secrets.status();
      expect(status?.values).toEqual({ plain: 0, keys: [{ name: status?.activekey, values: 80 }] });
    },
    120_000,
  );
});
