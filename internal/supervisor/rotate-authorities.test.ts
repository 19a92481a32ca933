import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { partOf } from '../base/testing/part-of.ts';
import { realClock } from '../io/clock.ts';
import { realDisk, type Disk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { loadOrCreateAuthorities } from '../pki/authorities.ts';
import { issueCa, issueCert } from '../pki/certificate.ts';
import { succeeds } from '../pki/overlap.ts';
import type { Store } from '../store/store.ts';
import { keepAuthorities, restoreAuthorities } from './authorities-copy.ts';
import { readBootstrap, shareBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { openFile } from './datastore.ts';
import { rotateAuthorities } from './rotate-authorities.ts';

const password = 'a long password';
const doors = partOf<Doors>({
  ...{ disk: realDisk, clock: realClock, random: realRandom, log: silentLog },
});
let dir: string;
let config: ServerConfig;
let store: Store;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rotate-'));
  config = partOf<ServerConfig>({
    ...{ dataDir: join(dir, 'data'), runDir: join(dir, 'run'), clusterCidr: '10.42.0.0/16' },
    ...{ serviceCidr: '10.43.0.0/16', clusterDns: '10.43.0.10', clusterDomain: 'cluster.local' },
  });
  await loadOrCreateAuthorities({ ...doors, dir: tls() });
  store = await openFile({ config, doors });
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

const tls = (name = ''): string => join(config.dataDir, 'server/tls', name);
const file = (name: string): string => readFileSync(tls(name), 'utf8');
const rotate = (more: object = {}, disk: Disk = realDisk): Promise<string[]> =>
  rotateAuthorities({
    ...{ config, doors: { ...doors, disk }, store, shared: false, password, force: false },
    ...more,
  });
const certificates = ['server-ca.crt', 'client-ca.crt', 'request-header-ca.crt'];
const load = (): Promise<unknown> =>
  loadOrCreateAuthorities({ ...doors, dir: tls(), mustExist: true });

describe('authorities', () => {
  test('are followed by others that are vouched for; the signing key stays', async () => {
    const before = Object.fromEntries(readdirSync(tls()).map((name) => [name, file(name)]));
    expect(await rotate()).toHaveLength(6);
    for (const name of certificates) expect(succeeds(file(name), before[name] ?? '')).toBe(true);
    expect(file('service.key')).toBe(before['service.key']);
    await load();
  });

  test('that were stolen are trusted no more', async () => {
    const before = file('server-ca.crt');
    await rotate({ force: true });
    expect(file('server-ca.crt')).not.toContain(before.trim());
    expect(file('server-ca.crt').match(/BEGIN/g)).toHaveLength(1);
    await expect(rotate({ force: true, shared: true })).rejects.toThrow('no others');
  });

  test('come back whole when the power goes at any write', { timeout: 60_000 }, async () => {
    await keepAuthorities(store, { config, doors, password });
    for (let fails = 1; ; fails++) {
      let writes = 0;
      const breaking: Disk = {
        ...realDisk,
        writeAtomic: (...words) =>
          ++writes === fails
            ? Promise.reject(new Error('no power'))
            : realDisk.writeAtomic(...words),
      };
      const before = file('server-ca.crt');
      const ended = await rotate({}, breaking).then(
        () => true,
        () => false,
      );
      // As a start does: what is not a pair any more comes from the copy.
      await load().catch(
        async () => void (await restoreAuthorities(store, { config, doors, password })),
      );
      await load();
      const now = file('server-ca.crt');
      expect(now === before || succeeds(now, before)).toBe(true);
      if (ended) break;
      expect(fails).toBeLessThan(20);
    }
  });

  test('of servers that share a datastore are changed there; each takes them over', async () => {
    await shareBootstrap(store, {
      config,
      doors,
      passwords: { server: password, agent: password },
    });
    const before = file('server-ca.crt');
    await rotate({ shared: true });
    expect(file('server-ca.crt')).toBe(before);
    const found = await readBootstrap(store, password);
    expect(succeeds(found?.data.files['tls/server-ca.crt'] ?? '', before)).toBe(true);
    // The next start of any of them.
    await shareBootstrap(store, {
      config,
      doors,
      passwords: { server: password, agent: password },
    });
    expect(file('server-ca.crt')).toBe(found?.data.files['tls/server-ca.crt']);
    await load();
  });
});

describe("an operator's own authorities", () => {
  const issuing = { nowMs: Date.now(), random: realRandom };
  const own = (name: string, { cert, key }: { cert: string; key: string }): void => {
    writeFileSync(join(dir, `${name}.crt`), cert);
    writeFileSync(join(dir, `${name}.key`), key);
  };

  test('are taken, those that are there, and no other', async () => {
    const [server, client] = [file('server-ca.crt'), file('client-ca.crt')];
    own('client-ca', issueCa({ ...issuing, cn: 'factory' }));
    expect(await rotate({ path: dir })).toEqual(['tls/client-ca.crt', 'tls/client-ca.key']);
    expect(succeeds(file('client-ca.crt'), client)).toBe(true);
    expect(file('server-ca.crt')).toBe(server);
  });

  test('are judged before anything is changed', async () => {
    const before = file('server-ca.crt');
    await expect(rotate({ path: dir })).rejects.toThrow('holds none of server-ca.crt');
    const ca = issueCa({ ...issuing, cn: 'factory' });
    own('client-ca', ca);
    own('server-ca', issueCert({ ...issuing, ca, cn: 'leaf', usages: ['server'] }));
    await expect(rotate({ path: dir })).rejects.toThrow('is not the certificate of an authority');
    own('server-ca', { cert: ca.cert, key: issueCa({ ...issuing, cn: 'other' }).key });
    await expect(rotate({ path: dir })).rejects.toThrow('is not the key of server-ca.crt');
    own('server-ca', issueCa({ ...issuing, nowMs: issuing.nowMs - 1e9, cn: 'x', lifeMs: 1000 }));
    await expect(rotate({ path: dir })).rejects.toThrow('is not valid now');
    expect(file('server-ca.crt')).toBe(before);
    expect(file('client-ca.crt')).not.toContain(ca.cert);
  });
});
