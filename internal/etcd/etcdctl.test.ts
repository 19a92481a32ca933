import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram, requireProgram } from '../../test/packages.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { issueCa, issueCert } from '../pki/certificate.ts';
import { checkFile, restoreSnapshot } from '../store/sqlite/upkeep.ts';
import { EtcdConnection } from './client/connection.ts';
import { runDatastore, type Datastore } from './datastore.ts';
import { etcdBinary, fastDir, startEtcd } from './testing/etcd-process.ts';

/** etcd's own command line against the datastore; SKIFF_ETCDCTL names another one. */
const binary = requireProgram('etcdctl');
/** What works on files: etcd 3.6 has it in a program of its own, 3.5 in both. */
const offline = findProgram('etcdutl') ?? binary;
const dir = fastDir();
const path = (name: string): string => join(dir, name);
let datastore: Datastore;
let connection: string[];

beforeAll(async () => {
  const doors = { nowMs: realClock.now(), random: realRandom };
  const ca = issueCa({ ...doors, cn: 'etcd-ca' });
  const server = issueCert({
    ...doors,
    ca,
    cn: 'etcd',
    usages: ['server'],
    sans: ['localhost', '127.0.0.1'],
  });
  const client = issueCert({ ...doors, ca, cn: 'root', usages: ['client'] });
  for (const [name, text] of Object.entries({
    'ca.crt': ca.cert,
    'server.crt': server.cert,
    'server.key': server.key,
    'client.crt': client.cert,
    'client.key': client.key,
  }))
    writeFileSync(path(name), text);
  datastore = await runDatastore({
    dataDir: path('data'),
    listenClientUrls: ['https://127.0.0.1:0', `unix://${path('etcd.sock')}`, 'http://127.0.0.1:0'],
    clock: realClock,
    disk: realDisk,
    log: silentLog,
    tls: {
      certFile: path('server.crt'),
      keyFile: path('server.key'),
      trustedCaFile: path('ca.crt'),
    },
  });
  connection = [
    `--endpoints=${(datastore.urls[0] as string).replace('https://', '')}`,
    `--cacert=${path('ca.crt')}`,
    `--cert=${path('client.crt')}`,
    `--key=${path('client.key')}`,
  ];
});
afterAll(async () => {
  await datastore?.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Said {
  status: number;
  out: string;
  err: string;
}

function run(
  args: string[],
  { input, program = binary }: { input?: string | undefined; program?: string } = {},
): Promise<Said> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...process.env, ETCDCTL_API: '3' } });
    const said = { status: 0, out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    child.on('close', (status) => resolve({ ...said, status: status ?? -1 }));
    child.stdin.end(input);
  });
}
const etcdctl = (args: string[], input?: string): Promise<Said> =>
  run([...connection, ...args], { input });

describe('etcdctl', () => {
  test('put, get, del, txn', async () => {
    expect((await etcdctl(['put', 'greeting', 'hello'])).out).toBe('OK\n');
    expect((await etcdctl(['get', 'greeting'])).out).toBe('greeting\nhello\n');
    expect((await etcdctl(['get', '--prefix', 'gre', '--keys-only'])).out.trim()).toBe('greeting');
    const txn = await etcdctl(
      ['txn'],
      'mod("greeting") > "0"\n\nput done yes\nget greeting\n\nput done no\n\n',
    );
    expect(txn.out.replace(/\s+/g, ' ').trim()).toBe('SUCCESS OK greeting hello');
    expect((await etcdctl(['del', 'greeting', '--prev-kv'])).out).toBe('1\ngreeting\nhello\n');
  });

  test('leases, kept alive and revoked', async () => {
    const granted = await etcdctl(['lease', 'grant', '100']);
    const id = /lease (\w+) granted with TTL\(100s\)/.exec(granted.out)?.[1] as string;
    await etcdctl(['put', 'leased', 'x', `--lease=${id}`]);
    expect((await etcdctl(['lease', 'timetolive', id, '--keys'])).out).toMatch(
      /granted with TTL\(100s\), remaining\((99|100)s\), attached keys\(\[leased\]\)/,
    );
    expect((await etcdctl(['lease', 'keep-alive', '--once', id])).out).toContain(
      'keepalived with TTL(100)',
    );
    expect((await etcdctl(['lease', 'list'])).out).toContain(id);
    expect((await etcdctl(['lease', 'revoke', id])).out).toContain('revoked');
    expect((await etcdctl(['get', 'leased'])).out).toBe('');
    expect((await etcdctl(['lease', 'revoke', id])).err).toContain(
      'etcdserver: requested lease not found',
    );
  });

  test('watches past and present', async () => {
    const from = datastore.store.revision + 1;
    await etcdctl(['put', 'w', '1']);
    const child = spawn(binary, [...connection, 'watch', 'w', `--rev=${from}`, '--prev-kv'], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const until = async (text: string): Promise<void> => {
      while (!out.includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await until('PUT\nw\n1\n');
    await etcdctl(['put', 'w', '2']);
    await until('PUT\nw\n1\nw\n2\n');
    await etcdctl(['del', 'w']);
    await until('DELETE\nw\n2\nw\n');
    child.kill();
  });

  test('compaction and its errors', async () => {
    const revision = datastore.store.revision;
    expect((await etcdctl(['compaction', String(revision), '--physical'])).out).toContain(
      `compacted revision ${revision}`,
    );
    expect((await etcdctl(['compaction', String(revision)])).err).toContain(
      'etcdserver: mvcc: required revision has been compacted',
    );
    expect((await etcdctl(['get', 'w', '--rev=1'])).err).toContain(
      'required revision has been compacted',
    );
    expect((await etcdctl(['get', 'w', '--rev=999999'])).err).toContain(
      'required revision is a future revision',
    );
  });

  test('status, members, defrag, alarms, hash', async () => {
    const status = JSON.parse((await etcdctl(['endpoint', 'status', '-w', 'json'])).out) as {
      Status: { version: string; dbSize: number };
    }[];
    expect(status[0]?.Status).toMatchObject({ version: expect.stringMatching(/^3\.6/) as string });
    expect(
      (await etcdctl(['endpoint', 'health'])).err + (await etcdctl(['endpoint', 'health'])).out,
    ).toContain('is healthy');
    expect((await etcdctl(['member', 'list'])).out).toMatch(/^\w+, started, default, /);
    expect((await etcdctl(['member', 'list'])).out).toContain(
      `, ${datastore.urls.join(',')}, false`,
    );
    expect((await etcdctl(['defrag'])).out).toContain('Finished defragmenting');
    expect((await etcdctl(['alarm', 'list'])).status).toBe(0);
    expect((await etcdctl(['endpoint', 'hashkv'])).out).toMatch(/, \d+/);
    expect((await etcdctl(['member', 'add', 'x', '--peer-urls=http://127.0.0.1:1'])).err).toContain(
      'not enough started members',
    );
    expect((await etcdctl(['user', 'add', 'x:y'])).status).not.toBe(0);
  });

  test('a snapshot that etcd itself restores, with the same history', async () => {
    // Of every kind: small and large values, many versions, deletions, a lease, something
    // compacted.
    for (let i = 0; i < 300; i++)
      await datastore.store.put({ key: `s/${i % 100}`, value: Buffer.alloc(i * 40, 'v') });
    await datastore.store.compact(datastore.store.revision - 150);
    await datastore.store.deleteRange({ key: 's/1', end: 's/2' });
    await datastore.store.put({
      key: 's/binary\xff\0',
      value: Buffer.from([0, 255]),
      lease: (await datastore.store.leaseGrant({ ttlSeconds: 4000, id: '77' })).id,
    });
    await datastore.store.put({ key: 's/large', value: Buffer.alloc(1_000_000, 'l') });
    const file = path('snapshot.db');
    expect((await etcdctl(['snapshot', 'save', file])).status).toBe(0);
    const { revision, totalKey } = JSON.parse(
      (await run(['snapshot', 'status', file, '-w', 'json'], { program: offline })).out,
    ) as { revision: number; totalKey: number };
    expect(revision).toBe(datastore.store.revision);
    // Versions of keys, or keys, as the release counts.
    expect(totalKey).toBeGreaterThan(80);
    expect(await checkFile(file, realClock)).toMatchObject({
      revision,
      compactRevision: datastore.store.compactRevision,
    });
    expect(
      (
        await run(['snapshot', 'restore', file, '--data-dir', path('restored')], {
          program: offline,
        })
      ).status,
    ).toBe(0);
    const etcd = await startEtcd(etcdBinary(), path('restored'));
    const theirs = new EtcdConnection({ endpoints: [etcd.endpoint] });
    try {
      const hashed = await theirs.call<{ hash: number; compactRevision: number }>(
        'Maintenance/HashKV',
        ['HashKVRequest', {}],
        'HashKVResponse',
      );
      const ours = datastore.store.hashKv(0);
      expect(hashed).toMatchObject({ hash: ours.hash, compactRevision: ours.compactRevision });
      const past = ours.revision - 100;
      const read = await theirs.call<{ kvs: unknown[] }>(
        'KV/Range',
        ['RangeRequest', { key: 's/', rangeEnd: 's0', revision: past }],
        'RangeResponse',
      );
      expect(read.kvs).toEqual(
        (await datastore.store.range({ key: 's/', end: 's0', revision: past })).kvs.map(
          (kv) =>
            expect.objectContaining({
              key: kv.key,
              value: Buffer.from(kv.value),
              modRevision: kv.modRevision,
              version: kv.version,
            }) as unknown,
        ),
      );
      expect(
        await theirs.call(
          'Lease/LeaseTimeToLive',
          ['LeaseTimeToLiveRequest', { ID: '77', keys: true }],
          'LeaseTimeToLiveResponse',
        ),
      ).toMatchObject({ grantedTTL: 4000, keys: ['s/binary\xff\0'] });
    } finally {
      theirs.close();
      await etcd.stop();
    }
  });

  test('a snapshot of an etcd, or of ours by etcdctl, becomes our store again', async () => {
    const etcd = await startEtcd(etcdBinary());
    const theirs = [`--endpoints=${etcd.endpoint}`];
    for (let i = 0; i < 40; i++) await run([...theirs, 'put', `e/${i % 20}`, 'x'.repeat(i * 300)]);
    await run([...theirs, 'compaction', '15']);
    await run([...theirs, 'del', 'e/3']);
    await run([
      ...theirs,
      'put',
      'e/last',
      'yes',
      `--lease=${(await run([...theirs, 'lease', 'grant', '3000'])).out.split(' ')[1]}`,
    ]);
    const expected = (await run([...theirs, 'get', 'e/', '--prefix'])).out;
    await run([...theirs, 'snapshot', 'save', path('theirs.db')]);
    await etcd.stop();
    const again = async (snapshot: string, prefix: string): Promise<string> => {
      const folder = path(`again-${prefix}`);
      const { revision } = await restoreSnapshot({ snapshot, dir: folder, clock: realClock });
      const restored = await runDatastore({
        dataDir: folder,
        listenClientUrls: [`unix://${path('again.sock')}`],
        clock: realClock,
        disk: realDisk,
        log: silentLog,
      });
      // No revision may be handed out twice.
      expect(restored.store.revision).toBeGreaterThan(revision + 1000);
      const { out } = await run([
        `--endpoints=unix://${path('again.sock')}`,
        'get',
        prefix,
        '--prefix',
      ]);
      expect(await restored.store.leases()).toHaveLength(1);
      await restored.close();
      return out;
    };
    expect(await again(path('theirs.db'), 'e/')).toBe(expected);
    expect(await again(path('snapshot.db'), 's/')).toBe(
      (await etcdctl(['get', 's/', '--prefix'])).out,
    );
    const bytes = readFileSync(path('theirs.db'));
    bytes[5000] = (bytes[5000] as number) ^ 1;
    writeFileSync(path('torn.db'), bytes);
    await expect(checkFile(path('torn.db'), realClock)).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(
      restoreSnapshot({ snapshot: path('torn.db'), dir: path('torn'), clock: realClock }),
    ).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('a load check, which reads the measures too', async () => {
    const [plain] = datastore.urls.filter((url) => url.startsWith('http://'));
    const said = await run([
      `--endpoints=${plain}`,
      'check',
      'datascale',
      '--load=s',
      '--auto-compact',
      '--auto-defrag',
    ]);
    expect(said.out + said.err).toContain('PASS');
  });

  test('no certificate, no answer; the socket is for its owner', async () => {
    await etcdctl(['put', 'kept', 'yes']);
    const stranger = await run([
      connection[0] as string,
      `--cacert=${path('ca.crt')}`,
      '--command-timeout=2s',
      'get',
      'kept',
    ]);
    expect(stranger.status).not.toBe(0);
    // etcdctl before 3.5 sends the socket's path as :authority, which HTTP/2 forbids.
    const owner = await run([`--endpoints=unix://${path('etcd.sock')}`, 'get', 'kept']);
    expect(owner).toMatchObject({ out: 'kept\nyes\n', status: 0 });
    expect(
      spawnSync('stat', ['-c', '%a', path('etcd.sock')])
        .stdout.toString()
        .trim(),
    ).toBe('600');
  });

  test('probes get what etcd answers to plain requests', async () => {
    const get = (url: string): Promise<{ status: number | undefined; body: string }> =>
      new Promise((resolve, reject) => {
        httpGet({ socketPath: path('etcd.sock'), path: url }, (response) => {
          let body = '';
          response.on('data', (bytes: Buffer) => (body += bytes.toString()));
          response.on('end', () => resolve({ status: response.statusCode, body }));
        }).on('error', reject);
      });
    expect(await get('/health')).toEqual({ status: 200, body: '{"health":"true","reason":""}' });
    expect(JSON.parse((await get('/version')).body)).toMatchObject({
      etcdserver: expect.stringMatching(/^3\.6\.\d+$/) as string,
      etcdcluster: '3.6.0',
    });
    expect(await get('/readyz?verbose')).toEqual({ status: 200, body: 'ok\n' });
    expect((await get('/v2/keys')).status).toBe(404);
  });
});
