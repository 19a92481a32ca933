import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { realSpawn } from '../io/spawn.ts';
import { loadOrCreateEtcd, type EtcdIdentities } from '../pki/etcd-authority.ts';
import { openEtcdStore } from './client/etcd-store.ts';
import { clientTls, removeMember, startManagedEtcd, type ManagedEtcd } from './managed.ts';
import { etcdBinary, fastDir } from './testing/etcd-process.ts';

const binary = etcdBinary();
const dir = fastDir();
const members: ManagedEtcd[] = [];
afterAll(async () => {
  for (const member of members) await member.stop();
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

async function start(name: string, identities: EtcdIdentities, join_?: { endpoints: string[] }): Promise<ManagedEtcd> {
  const member = await startManagedEtcd({
    dir: join(dir, name), tlsDir: join(dir, 'tls'), identities, name, clientUrl: `https://127.0.0.1:${await freePort()}`, peerUrl: `https://127.0.0.1:${await freePort()}`,
    ...(join_ ? { join: join_ } : {}), binary, clock: realClock, disk: realDisk, spawn: realSpawn, log: silentLog,
  });
  members.push(member);
  return member;
}

describe('a managed etcd', () => {
  test('three members join, one is killed and comes back, and the store never notices', async () => {
    const identities = await loadOrCreateEtcd({ dir: join(dir, 'tls'), names: [], disk: realDisk, clock: realClock, random: realRandom });
    const first = await start('one', identities);
    const store = await openEtcdStore({ endpoints: [first.endpoint], tls: clientTls(identities), clock: realClock, log: silentLog });
    await store.put({ key: 'a', value: Buffer.from('1') });
    const second = await start('two', identities, { endpoints: [first.endpoint] });
    const third = await start('three', identities, { endpoints: [first.endpoint, second.endpoint] });
    const wide = await openEtcdStore({ endpoints: [third.endpoint, second.endpoint, first.endpoint], tls: clientTls(identities), clock: realClock, log: silentLog });
    const killed = third.pid as number;
    process.kill(killed, 'SIGKILL');
    const write = async (): Promise<void> => {
      for (;;) {
        const done = await wide.put({ key: 'a', value: Buffer.from('2') }).then(() => true, () => false);
        if (done) return;
      }
    };
    await write();
    expect((await wide.range({ key: 'a' })).kvs[0]).toMatchObject({ version: expect.any(Number) as number });
    while (third.pid === undefined || third.pid === killed) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await removeMember({ endpoints: [first.endpoint], identities, name: 'nobody', clock: realClock })).toBe(false);
    await wide.close();
    await store.close();
  }, 120_000);
});
