import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realRandom, seededRandom } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import { encryptionOf, fileKeeper, keyName, type KeyKeeper } from '../store/key-ring.ts';
import type { LogStore } from '../store/log-store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { verifyFile } from '../store/sqlite/verify.ts';
import { SecretsEncryption } from './secrets-encryption.ts';

const prefixes = ['/registry/secrets/'];
const range = { key: '/registry/secrets/', end: '/registry/secrets0' };
let dir: string;
let keeper: KeyKeeper;
let store: LogStore | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-secrets-'));
  keeper = fileKeeper({ disk: realDisk, path: join(dir, 'keys.json') });
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(dir, { recursive: true, force: true });
});

async function open(keys?: Parameters<typeof encryptionOf>[0]): Promise<LogStore> {
  store = await openSqliteStore({
    dir,
    clock: realClock,
    log: silentLog,
    ...(keys ? { encryption: encryptionOf(keys) } : {}),
  });
  return store;
}

const serviceOf = (opened: LogStore): SecretsEncryption =>
  new SecretsEncryption({
    keeper,
    values: {
      encrypt: (encryption, progress) => opened.encrypt(encryption, progress),
      keyCensus: async () => undefined,
    },
    random: realRandom,
    log: silentLog,
  });

async function change(
  secrets: SecretsEncryption,
  what: 'enable' | 'disable' | 'rotate',
): Promise<void> {
  await secrets.begin(what);
  await secrets.idle();
  expect((await secrets.status()).error).toBeUndefined();
}

/** Everything that lies in the store's folder. */
const onDisk = (): string =>
  ['store.db', 'store.db-wal']
    .map((name) =>
      existsSync(join(dir, name)) ? readFileSync(join(dir, name)).toString('latin1') : '',
    )
    .join('');

describe('encryption of Secrets', () => {
  test(
    'is turned on, changed under writes and turned off while the store runs, and leaves no ' +
      'trace in the file',
    async () => {
      const opened = await open();
      const secrets = serviceOf(opened);
      for (let i = 0; i < 300; i++)
        void opened.put({
          key: `/registry/secrets/default/s${i}`,
          value: Buffer.from(`open sesame ${i}`),
        });
      await opened.put({
        key: '/registry/configmaps/default/c',
        value: Buffer.from('for all eyes'),
      });
      expect(await secrets.status()).toMatchObject({
        enable: false,
        stage: 'start',
        activekey: '',
      });
      await expect(secrets.begin('rotate')).rejects.toMatchObject({
        message: 'secrets are not encrypted',
      });
      expect(onDisk()).toContain('open sesame');
      await change(secrets, 'enable');
      // What was written before is not in the free pages of the file either.
      expect(onDisk()).not.toContain('open sesame');
      expect(onDisk()).toContain('for all eyes');
      const first = await secrets.status();
      expect(first).toMatchObject({ enable: true, stage: 'start', inactivekeys: [] });
      await expect(secrets.begin('enable')).rejects.toMatchObject({
        message: 'secrets are encrypted already',
      });

      let stop = false;
      let written = 0;
      const writers = Array.from({ length: 8 }, async (_, w) => {
        while (!stop)
          await opened.put({
            key: `/registry/secrets/default/w${w}-${written++ % 50}`,
            value: Buffer.from(`open sesame again ${written}`),
          });
      });
      await secrets.begin('rotate');
      await expect(secrets.begin('rotate')).rejects.toMatchObject({
        message: 'a change of keys is under way',
      });
      expect((await secrets.status()).stage).toBe('reencrypt_active');
      await secrets.idle();
      stop = true;
      await Promise.all(writers);
      expect(written).toBeGreaterThan(8);
      const second = await secrets.status();
      expect(second).toMatchObject({
        stage: 'reencrypt_finished',
        inactivekeys: [first.activekey],
      });
      expect(second.hash).not.toBe(first.hash);
      const { count } = await opened.range({ ...range, countOnly: true });
      await opened.close();

      const state = await keeper.read();
      const newKey = state?.keys[0];
      const { plain, keys } = await verifyFile({ path: join(dir, 'store.db'), prefixes });
      expect([plain, keys.map(([id]) => keyName(id))]).toEqual([0, [second.activekey]]);
      expect(onDisk()).not.toContain('open sesame');
      // The new key alone reads everything.
      const again = await open({
        prefixes,
        enabled: true,
        unfinished: undefined,
        generation: 9,
        keys: newKey ? [newKey] : [],
      });
      const { kvs } = await again.range(range);
      expect(kvs).toHaveLength(count);
      expect(kvs.every((kv) => Buffer.from(kv.value).toString().startsWith('open sesame'))).toBe(
        true,
      );
      await change(serviceOf(again), 'disable');
      await again.close();
      const bared = await verifyFile({ path: join(dir, 'store.db'), prefixes });
      expect(bared.keys).toEqual([]);
      // Older values of what the writers wrote last may still be there.
      expect(bared.plain).toBeGreaterThanOrEqual(count);
      const bare = await open();
      expect((await bare.range(range)).count).toBe(count);
    },
  );

  test('that was cut off is carried on by the next start', async () => {
    const opened = await open();
    for (let i = 0; i < 10; i++)
      await opened.put({
        key: `/registry/secrets/default/s${i}`,
        value: Buffer.from(`open sesame ${i}`),
      });
    await change(serviceOf(opened), 'enable');
    const failing = new SecretsEncryption({
      keeper,
      values: {
        encrypt: () => Promise.reject(new Error('the power went')),
        keyCensus: async () => undefined,
      },
      random: realRandom,
      log: silentLog,
    });
    await failing.begin('rotate');
    await failing.idle();
    expect(await failing.status()).toMatchObject({
      stage: 'reencrypt_active',
      error: 'the power went',
    });
    await opened.close();
    const state = await keeper.read();
    expect(state?.unfinished).toBe('rotate');
    const again = await open(state);
    const secrets = serviceOf(again);
    await secrets.start();
    await secrets.idle();
    expect(await secrets.status()).toMatchObject({ stage: 'reencrypt_finished', error: undefined });
    await again.close();
    expect((await verifyFile({ path: join(dir, 'store.db'), prefixes })).keys).toEqual([
      [state?.keys[0]?.id, 10],
    ]);
  });

  test(
    'survives kill -9 at any moment of a change of keys: nothing acknowledged is lost, every ' +
      'start finishes the work',
    async () => {
      const random = seededRandom(testSeed());
      let acknowledged = -1;
      for (let round = 0; round < 3; round++) {
        const child = spawn(
          process.execPath,
          [join(import.meta.dirname, 'testing/rotating-main.ts'), dir, join(dir, 'keys.json')],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        const killAfterLines = 20 + random.int(150);
        let lines = 0;
        let errors = '';
        let rest = '';
        child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
        child.stdout.on('data', (chunk: Buffer) => {
          const parts = (rest + chunk.toString()).split('\n');
          rest = parts.pop() ?? '';
          for (const line of parts) {
            lines++;
            if (/^\d+$/.test(line)) acknowledged = Math.max(acknowledged, Number(line));
          }
          if (lines >= killAfterLines) child.kill('SIGKILL');
        });
        const code = await new Promise<number | null>((resolve) => void child.on('close', resolve));
        expect([code, errors]).toEqual([null, '']);
        const state = await keeper.read();
        const opened = await open(state);
        const { kvs } = await opened.range(range);
        expect(kvs.length).toBeGreaterThan(acknowledged);
        expect(
          kvs.every(
            (kv) =>
              Buffer.from(kv.value).toString() === `hidden value ${kv.key.split('/s').at(-1)}`,
          ),
        ).toBe(true);
        await opened.close();
        store = undefined;
      }
      const opened = await open(await keeper.read());
      const secrets = serviceOf(opened);
      await secrets.start();
      await secrets.idle();
      await opened.close();
      const state = await keeper.read();
      expect(state?.unfinished).toBeUndefined();
      expect(
        (await verifyFile({ path: join(dir, 'store.db'), prefixes })).keys.map(([id]) => id),
      ).toEqual([state?.keys[0]?.id]);
      expect(onDisk()).not.toContain('hidden value');
    },
    120_000,
  );
});
