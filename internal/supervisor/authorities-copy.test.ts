import { partOf } from '../base/testing/part-of.ts';
import { readFileSync, readdirSync, rmSync, mkdtempSync, writeFileSync, cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeLog } from '../io/log.ts';
import { copyKey } from './authorities-copy.ts';
import type { ServerConfig } from './config.ts';
import { openFile, type Datastore } from './datastore.ts';
import { realDoors, type Doors } from './doors.ts';
import { identitiesOf, type OwnIdentities } from './identities.ts';
import type { NodeFacts } from './node-facts.ts';
import { resetServer } from './reset.ts';

const password = 'correct horse';
const facts = { name: 'boat', ip: '192.0.2.1', ips: ['192.0.2.1'], externalIps: [] } as NodeFacts;
let dir: string;
let config: ServerConfig;
let lines: string[];
let doors: Doors;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-authorities-'));
  lines = [];
  doors = {
    ...realDoors(false),
    log: makeLog({ level: 'info', write: (line) => void lines.push(line) }),
  };
  config = {
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    bindAddress: '0.0.0.0',
    serviceCidr: '10.43.0.0/16',
    clusterDomain: 'cluster.local',
    nodeName: 'boat',
    nodeIps: ['192.0.2.1'],
    nodeExternalIps: [],
    tlsSans: [],
  } as unknown as ServerConfig;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const tls = (name = ''): string => join(config.dataDir, 'server/tls', name);
const authorities = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(tls())
      .filter((name) => /-ca\.(crt|key)$|^service\.key$/.test(name))
      .map((name) => [name, readFileSync(tls(name), 'utf8')]),
  );

const identities = (secret: string): Promise<OwnIdentities> =>
  identitiesOf({
    config,
    doors,
    facts,
    passwords: { server: secret, agent: secret },
    shared: false,
  });

/** What a start does with identities, and the revisions of its store before and after. */
async function start(secret = password): Promise<{ before: number; after: number }> {
  const own = await identities(secret);
  await own.load();
  const store = await openFile({ config, doors });
  const before = store.revision;
  await own.keepCopy(partOf<Datastore>({ shared: false, store }));
  const after = store.revision;
  await store.close();
  return { before, after };
}
const stored = async (): Promise<string> => {
  const store = await openFile({ config, doors });
  const { kvs } = await store.range({ key: copyKey });
  await store.close();
  return Buffer.from(kvs[0]?.value ?? '').toString();
};

describe('the copy of the authorities in the file', () => {
  test('is written once, and again for another token only', async () => {
    const first = await start();
    expect(first.after).toBeGreaterThan(first.before);
    const again = await start();
    expect(again.after).toBe(again.before);
    const copy = await stored();
    const other = await start('another token');
    expect(other.after).toBeGreaterThan(other.before);
    expect(await stored()).not.toBe(copy);
  });

  test('holds no key that can be read, and not the token', async () => {
    await start();
    const text = await stored();
    const all = [
      text,
      ...text.split(/[\n:]/).map((part) => Buffer.from(part, 'base64').toString()),
    ];
    expect(text).toMatch(/^[0-9a-f]{64}\nskiff1:/);
    for (const one of all) {
      expect(one).not.toMatch(/PRIVATE KEY|CERTIFICATE/);
      expect(one).not.toContain(password);
    }
  });

  test('is not replaced by half of one', async () => {
    await start();
    const copy = await stored();
    const own = await identities(password);
    rmSync(tls('client-ca.key'));
    const store = await openFile({ config, doors });
    await own.keepCopy(partOf<Datastore>({ shared: false, store }));
    await store.close();
    expect(await stored()).toBe(copy);
  });
});

describe('server/tls', () => {
  test('that is gone comes back as it was, and that is said', async () => {
    await start();
    const before = authorities();
    expect(Object.keys(before)).toHaveLength(7);
    rmSync(tls(), { recursive: true });
    await start();
    expect(authorities()).toEqual(before);
    expect(lines.join('')).toMatch(/WARN.*authorities of this cluster were lost.*restored/);
  });

  test.each([
    ['missing', (path: string): void => rmSync(path), 1],
    ['empty', (path: string): void => writeFileSync(path, ''), 7],
    ['garbage', (path: string): void => writeFileSync(path, 'x'.repeat(300)), 7],
  ])(
    'of which files are %s is whole again',
    async (_what, damage, atOnce) => {
      await start();
      const before = authorities();
      const names = Object.keys(before);
      for (let at = 0; at < names.length; at += atOnce) {
        lines = [];
        const some = names.slice(at, at + atOnce);
        for (const name of some) damage(tls(name));
        await start();
        expect(authorities()).toEqual(before);
        for (const name of some) expect(lines.join(''), name).toContain(`tls/${name}`);
      }
      // Eight starts, each with a key derived slowly on purpose: minutes on a busy machine.
    },
    240_000,
  );

  test('is not made again where token, store or another authority stand in the way', async () => {
    await start();
    cpSync(tls(), tls('../tls.kept'), { recursive: true });
    rmSync(tls(), { recursive: true });
    const gone = /server-ca\.crt is missing, and the cluster of this data directory rests on it/;
    await expect(start('another token')).rejects.toMatchObject({
      message: expect.stringMatching(/is missing.*cannot be opened with this token/) as string,
      hint: expect.stringContaining('give the token') as string,
    });
    const store = await openFile({ config, doors });
    await store.deleteRange({ key: copyKey });
    await store.close();
    await expect(start()).rejects.toMatchObject({ message: expect.stringMatching(gone) as string });
    expect(readdirSync(tls())).toEqual([]);
    cpSync(tls('../tls.kept'), tls(), { recursive: true });
    await start();
    // Of another cluster, whole: nobody can say which of the two is meant.
    const before = authorities();
    const stranger = { ...config, dataDir: join(dir, 'other') };
    await identitiesOf({
      config: stranger,
      doors,
      facts,
      passwords: { server: password, agent: password },
      shared: false,
    });
    for (const name of ['client-ca.crt', 'client-ca.key'])
      cpSync(join(stranger.dataDir, 'server/tls', name), tls(name));
    rmSync(tls('service.key'));
    await expect(start()).rejects.toMatchObject({
      message: expect.stringMatching(
        /service\.key is missing.*tls\/client-ca\.crt is another/,
      ) as string,
    });
    expect(authorities()['server-ca.crt']).toBe(before['server-ca.crt']);
    expect(authorities()['service.key']).toBeUndefined();
  });
});

describe('a snapshot of the file, restored on an empty machine', () => {
  const restored = async (token: string | undefined): Promise<Record<string, string>> => {
    const store = await openFile({ config, doors });
    await store.snapshot(join(dir, 'snapshot'));
    await store.close();
    config = { ...config, dataDir: join(dir, `new-${String(token)}`), token };
    await resetServer(
      { ...config, clusterReset: true, clusterResetRestorePath: join(dir, 'snapshot') },
      doors,
    );
    return authorities();
  };

  test('brings the authorities along for who has the token', async () => {
    await start();
    const before = authorities();
    expect(await restored(password)).toEqual(before);
  });

  test('makes new ones for who has not, and says why', async () => {
    await start();
    const before = authorities();
    const after = await restored(undefined);
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(after['server-ca.crt']).not.toBe(before['server-ca.crt']);
    expect(lines.join('')).toMatch(/WARN.*new ones are made.*cannot be opened with this token/);
  });
});
