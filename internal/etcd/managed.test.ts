import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realProcesses } from '../io/processes.ts';
import { realRandom } from '../io/random.ts';
import { realSpawn } from '../io/spawn.ts';
import { issueCert } from '../pki/certificate.ts';
import { loadOrCreateEtcd, type EtcdIdentities } from '../pki/etcd-authority.ts';
import { openEtcdStore } from './client/etcd-store.ts';
import { startManagedEtcd, type ManagedEtcd } from './managed.ts';
import { announce, clientTls, listMembers, promote, removeMember } from './members.ts';
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

const freeUrl = async (): Promise<string> => `https://127.0.0.1:${await freePort()}`;

interface Extra {
  join?: { endpoints: string[] };
  peerUrl?: string;
}

async function start(
  name: string,
  identities: EtcdIdentities,
  extra: Extra = {},
): Promise<ManagedEtcd> {
  const member = await startManagedEtcd({
    dir: join(dir, name),
    tlsDir: join(dir, 'tls'),
    identities,
    name,
    clientUrl: `https://127.0.0.1:${await freePort()}`,
    peerUrl: extra.peerUrl ?? (await freeUrl()),
    ...(extra.join ? { join: extra.join } : {}),
    binary,
    clock: realClock,
    disk: realDisk,
    spawn: realSpawn,
    processes: realProcesses,
    log: silentLog,
  });
  members.push(member);
  return member;
}

describe('a managed etcd', () => {
  test('a client certificate that ended is followed by another, under an open store', async () => {
    const identities = await loadOrCreateEtcd({
      dir: join(dir, 'tls'),
      names: [],
      disk: realDisk,
      clock: realClock,
      random: realRandom,
    });
    const member = await start('one', identities);
    const short = issueCert({
      nowMs: realClock.now(),
      random: realRandom,
      ca: identities.serverCa,
      cn: 'etcd-client',
      usages: ['client'],
      lifeMs: 2000,
    });
    const tls = clientTls({ ...identities, client: short });
    const store = await openEtcdStore({
      endpoints: [member.endpoint],
      tls,
      clock: realClock,
      log: silentLog,
    });
    const put = (value: string): Promise<unknown> =>
      store.put({ key: 'a', value: Buffer.from(value) });
    await put('1');
    const endsMs = Date.parse(new X509Certificate(short.cert).validTo);
    await expect.poll(() => realClock.now() > endsMs, { timeout: 20_000 }).toBe(true);
    // Only a new connection is asked for it.
    const before = member.pid as number;
    process.kill(before, 'SIGKILL');
    await expect.poll(() => member.pid !== undefined && member.pid !== before).toBe(true);
    const works = (value: string): Promise<boolean> =>
      put(value).then(
        () => true,
        () => false,
      );
    expect(await works('2')).toBe(false);
    Object.assign(tls, clientTls(identities));
    await expect.poll(() => works('3'), { timeout: 20_000 }).toBe(true);
    await store.close();
  }, 120_000);

  test('three members join, one is killed and comes back, the store never notices', async () => {
    const identities = await loadOrCreateEtcd({
      dir: join(dir, 'tls'),
      names: [],
      disk: realDisk,
      clock: realClock,
      random: realRandom,
    });
    const first = await start('one', identities);
    const cluster = { endpoints: [first.endpoint], tls: clientTls(identities), clock: realClock };
    const store = await openEtcdStore({
      endpoints: [first.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    });
    await store.put({ key: 'a', value: Buffer.from('1') });
    const second = await start('two', identities, { join: { endpoints: [first.endpoint] } });
    const third = await start('three', identities, {
      join: { endpoints: [first.endpoint, second.endpoint] },
    });
    const wide = await openEtcdStore({
      endpoints: [third.endpoint, second.endpoint, first.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    });
    const killed = third.pid as number;
    process.kill(killed, 'SIGKILL');
    const write = async (): Promise<void> => {
      for (;;) {
        const done = await wide.put({ key: 'a', value: Buffer.from('2') }).then(
          () => true,
          () => false,
        );
        if (done) return;
      }
    };
    await write();
    expect((await wide.range({ key: 'a' })).kvs[0]).toMatchObject({
      version: expect.any(Number) as number,
    });
    while (third.pid === undefined || third.pid === killed)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await removeMember({ ...cluster, name: 'nobody' })).toBe(false);
    // It moves while its own member answers nobody: the others are told.
    const peerUrl = await freeUrl();
    process.kill(third.pid, 'SIGSTOP');
    const stopped = third.pid;
    await third.readdress({ clientUrl: third.endpoint, peerUrl });
    const shown = await listMembers(cluster);
    expect(shown.find((m) => m.name === 'three')?.peerURLs).toEqual([peerUrl]);
    while (third.pid === undefined || third.pid === stopped)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const back = { ...cluster, endpoints: [third.endpoint] };
    const members = async (): Promise<number> => (await listMembers(back).catch(() => [])).length;
    while ((await members()) !== 3) await new Promise((resolve) => setTimeout(resolve, 50));
    await wide.close();
    await store.close();
  }, 120_000);

  test('a member that somebody has stopped is killed and started again', async () => {
    const identities = await loadOrCreateEtcd({
      dir: join(dir, 'tls'),
      names: [],
      disk: realDisk,
      clock: realClock,
      random: realRandom,
    });
    const member = await start('stopped', identities);
    const stopped = member.pid as number;
    process.kill(stopped, 'SIGSTOP');
    while (member.pid === undefined || member.pid === stopped)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const store = await openEtcdStore({
      endpoints: [member.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    });
    await store.put({ key: 'goes', value: Buffer.from('on') });
    await store.close();
  }, 120_000);

  test('a join that was cut off can be tried again; a removed member joins again', async () => {
    const identities = await loadOrCreateEtcd({
      dir: join(dir, 'tls'),
      names: [],
      disk: realDisk,
      clock: realClock,
      random: realRandom,
    });
    const first = await start('alone', identities);
    const cluster = { endpoints: [first.endpoint], tls: clientTls(identities), clock: realClock };
    const store = await openEtcdStore({
      endpoints: [first.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    });
    const newcomer = { name: 'newcomer', peerUrl: await freeUrl(), withinMs: 30_000 };
    const initial = await announce(cluster, newcomer);
    expect(initial).toContain(`newcomer=${newcomer.peerUrl}`);
    // It never came. The one that was there still is all of the cluster.
    await store.put({ key: 'goes', value: Buffer.from('on') });
    expect(await promote(cluster, newcomer.peerUrl)).toBe(false);
    expect(await announce(cluster, newcomer)).toBe(initial);
    const second = await start('newcomer', identities, {
      join: cluster,
      peerUrl: newcomer.peerUrl,
    });
    expect((await listMembers(cluster)).map((m) => [m.name, m.isLearner]).sort()).toEqual([
      ['alone', false],
      ['newcomer', false],
    ]);
    await expect(
      announce(cluster, { ...newcomer, peerUrl: await freeUrl() }),
    ).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('has a member "newcomer"'),
      hint: expect.stringContaining('--node-name'),
    });

    expect(await removeMember({ ...cluster, name: 'newcomer' })).toBe(true);
    await second.stop();
    await expect(
      start('newcomer', identities, { peerUrl: newcomer.peerUrl }),
    ).rejects.toMatchObject({
      message: expect.stringContaining('removed from its cluster'),
      hint: expect.stringContaining('--server'),
    });
    await start('newcomer', identities, { join: cluster, peerUrl: newcomer.peerUrl });
    expect((await listMembers(cluster)).map((m) => m.name).sort()).toEqual(['alone', 'newcomer']);
    expect((await store.range({ key: 'goes' })).count).toBe(1);
    await store.close();

    // The first comes back under another address: the other finds it.
    await first.stop();
    const peerUrl = await freeUrl();
    const back = await start('alone', identities, { peerUrl });
    const moved = { ...cluster, endpoints: [back.endpoint] };
    expect((await listMembers(moved)).find((m) => m.name === 'alone')?.peerURLs).toEqual([peerUrl]);
    const again = await openEtcdStore({
      endpoints: [back.endpoint],
      tls: clientTls(identities),
      clock: realClock,
      log: silentLog,
    });
    await again.put({ key: 'goes', value: Buffer.from('on and on') });
    await again.close();
  }, 120_000);

  test('says in one line that there is no etcd to run, and that nobody lets it in', async () => {
    const identities = await loadOrCreateEtcd({
      dir: join(dir, 'tls'),
      names: [],
      disk: realDisk,
      clock: realClock,
      random: realRandom,
    });
    const options = {
      dir: join(dir, 'lost'),
      tlsDir: join(dir, 'tls'),
      identities,
      name: 'lost',
      clientUrl: await freeUrl(),
      peerUrl: await freeUrl(),
      binary,
      readyMs: 1_000,
      clock: realClock,
      disk: realDisk,
      spawn: realSpawn,
      processes: realProcesses,
      log: silentLog,
    };
    await expect(startManagedEtcd({ ...options, binary: '/nowhere/etcd' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('etcd cannot be run'),
      hint: expect.stringContaining('etcd-server'),
    });
    await expect(
      startManagedEtcd({ ...options, join: { endpoints: [await freeUrl()] } }),
    ).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('does not take this server'),
      hint: expect.stringContaining('must be up'),
    });
  });
});
