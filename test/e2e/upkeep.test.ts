import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFailed } from 'vitest';
import { root, run, TestCluster, until, type Result } from './node.ts';

/** Control planes only: what is looked at here needs no containers. */
const bare = ['--disable-agent', '--secrets-encryption'];
const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
let failed = false;
const all: TestCluster[] = [];

function machine(name: string): TestCluster {
  const cluster = new TestCluster(name);
  all.push(cluster);
  return cluster;
}

// The machines reach each other through the host.
afterAll(() => {
  for (const cluster of all) cluster.down(failed);
});

const skiff = (of: TestCluster, ...args: string[]): Result => of.node.exec([binary, ...args]);

/** skiff that must succeed, and what it said. */
function says(of: TestCluster, ...args: string[]): string {
  const done = skiff(of, ...args);
  expect([done.code, done.stderr]).toEqual([0, '']);
  return done.stdout;
}

async function stop(of: TestCluster): Promise<void> {
  await of.stopServer();
}

const db = (of: TestCluster): string => join(of.node.disk, 'var/lib/skiff/server/db');
const snapshots = (of: TestCluster): string[] =>
  readdirSync(join(db(of), 'snapshots'))
    .filter((name) => !name.startsWith('.'))
    .sort();
const version = (of: TestCluster): number =>
  Number(
    of.json<{ metadata: { resourceVersion: string } }>('configmaps', '--chunk-size=1').metadata
      .resourceVersion ||
      of
        .k('get', '--raw', '/api/v1/namespaces/default/configmaps?limit=1')
        .match(/"resourceVersion":"(\d+)"/)?.[1],
  );

interface Status {
  running: boolean;
  enable: boolean;
  activekey: string;
  inactivekeys: string[];
  values: { plain: number; keys: { name: string; values: number }[] };
}
const status = (of: TestCluster): Status =>
  JSON.parse(says(of, 'secrets-encrypt', 'status', '-o', 'json')) as Status;

/** Every byte below server/db, as a thief would read it. */
function stored(of: TestCluster): string {
  const files = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory()
        ? files(join(dir, entry.name))
        : entry.isFile()
          ? [join(dir, entry.name)]
          : [],
    );
  return files(db(of))
    .map((file) => readFileSync(file).toString('latin1'))
    .join('');
}

describe.each([
  ['the store in data-dir', 'file', [] as string[]],
  ['an etcd beside the server', 'beside', ['--cluster-init']],
])('%s', (_what, name, flags) => {
  const cluster = machine(name);
  let file = '';

  it('is copied while the server runs; copies are listed, pruned and deleted', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.launch({ flags: [...bare, ...flags] });
    await cluster.answers();
    cluster.k('create', 'secret', 'generic', 'kept', '--from-literal=word=opensesame');
    cluster.k('create', 'configmap', 'kept', '--from-literal=a=b');
    for (let i = 0; i < 3; i++)
      says(
        cluster,
        'etcd-snapshot',
        'save',
        '--name',
        `s${i}`,
        ...(i === 2 ? ['--snapshot-compress'] : []),
      );
    expect(snapshots(cluster)).toEqual([
      expect.stringMatching(new RegExp(`^s0-${name}-\\d{10}$`)),
      expect.stringMatching(/^s1-/),
      expect.stringMatching(/^s2-.*\.zip$/),
    ]);
    for (const one of snapshots(cluster))
      expect((statSync(join(db(cluster), 'snapshots', one)).mode & 0o777).toString(8)).toBe('600');
    says(cluster, 'etcd-snapshot', 'delete', snapshots(cluster)[0] as string);
    // Names are made of seconds: the second snapshot of a name waits for the next one.
    await until(
      'another snapshot of the name',
      () => skiff(cluster, 'etcd-snapshot', 'save', '--name', 's1').code === 0,
    );
    expect(
      says(cluster, 'etcd-snapshot', 'prune', '--name', 's1', '--snapshot-retention', '1'),
    ).toMatch(/^Snapshot s1-\S+ deleted\.\n$/);
    const listed = JSON.parse(says(cluster, 'etcd-snapshot', 'ls', '-o', 'json')) as {
      items: { metadata: { name: string }; status: { readyToUse: boolean } }[];
    };
    expect(listed.items.map((item) => item.metadata.name).sort()).toEqual(snapshots(cluster));
    file = join('/var/lib/skiff/server/db/snapshots', snapshots(cluster)[1] as string);
    const s3 = skiff(cluster, 'etcd-snapshot', 'save', '--s3', '--s3-bucket', 'b');
    expect([s3.code, s3.stderr.trim().split('\n').length, s3.stderr]).toEqual([
      1,
      1,
      expect.stringContaining('S3'),
    ]);
  });

  it('encrypts Secrets under a key that changes while it runs', () => {
    onTestFailed(() => void (failed = true));
    const before = status(cluster);
    expect(before).toMatchObject({ enable: true, values: { plain: 0 } });
    expect(stored(cluster)).not.toContain(Buffer.from('opensesame').toString('base64'));
    expect(says(cluster, 'secrets-encrypt', 'rotate-keys')).toBe(
      'keys rotated, reencryption finished\n',
    );
    const after = status(cluster);
    expect(after.activekey).not.toBe(before.activekey);
    expect(after.inactivekeys).toEqual([before.activekey]);
    expect(after.values).toEqual({
      plain: 0,
      keys: [{ name: after.activekey, values: before.values.keys[0]?.values }],
    });
    const step = skiff(cluster, 'secrets-encrypt', 'prepare');
    expect([step.code, step.stderr]).toEqual([1, expect.stringContaining('rotate-keys')]);
  });

  it('gets back what was deleted after a snapshot, above every revision seen', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k('delete', 'secret', 'kept');
    cluster.k('delete', 'configmap', 'kept');
    cluster.k('create', 'configmap', 'later', '--from-literal=a=b');
    const seen = version(cluster);
    const reset = [
      'server',
      ...bare,
      ...flags,
      '--cluster-reset',
      '--cluster-reset-restore-path',
      file,
    ];
    expect(skiff(cluster, ...reset)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('running already') as string,
    });
    await stop(cluster);
    const bad = skiff(cluster, ...reset.slice(0, -1), '/etc/hostname');
    expect([bad.code, bad.stderr]).toEqual([
      1,
      expect.stringContaining('not a snapshot of a datastore'),
    ]);
    expect(says(cluster, ...reset)).toContain(`${file} is restored`);
    expect(skiff(cluster, ...reset)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was reset already') as string,
    });
    cluster.startServer();
    await cluster.answers();
    expect(
      Buffer.from(
        cluster.json<{ data: { word: string } }>('secret', 'kept').data.word,
        'base64',
      ).toString(),
    ).toBe('opensesame');
    expect(cluster.k('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).toBe('b');
    expect(cluster.kubectl(['get', 'configmap', 'later']).code).toBe(1);
    expect(version(cluster)).toBeGreaterThan(seen);
    // A client that was away and asks from where it was is told to list again.
    const watched = cluster.kubectl([
      'get',
      '--raw',
      `/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=5&resourceVersion=${seen}`,
    ]);
    expect(watched.stdout + watched.stderr).toMatch(/"code":410|Expired/);
    await until('values are under one key', () => status(cluster).values?.keys.length === 1);
    expect(status(cluster).values.plain).toBe(0);
    expect(existsSync(join(db(cluster), 'reset-flag'))).toBe(false);
    await stop(cluster);
  });
});

describe('two servers with one etcd', () => {
  const [one, two] = [machine('left'), machine('right')];

  it('share the keys of Secrets, and a change of them', async () => {
    onTestFailed(() => void (failed = true));
    await one.node.boot();
    await two.node.boot();
    const url = `http://${one.node.ip}:12379`;
    one.node.start(
      [
        'etcd',
        '--data-dir',
        '/run/etcd',
        '--listen-client-urls',
        url,
        '--advertise-client-urls',
        url,
        '--listen-peer-urls',
        'http://127.0.0.1:12380',
      ],
      'etcd.log',
    );
    await until('etcd answers', () => run(['curl', '-sf', `${url}/health`]).code === 0);
    const flags = [...bare, '--datastore-endpoint', url, '--token', 'shared'];
    for (const of of [one, two]) of.startServer(flags);
    for (const of of [one, two]) await of.answers();
    one.k('create', 'secret', 'generic', 'first', '--from-literal=word=opensesame');
    const raw = (name: string): string =>
      one.node.exec(
        [
          'etcdctl',
          '--endpoints',
          url,
          'get',
          `/registry/secrets/default/${name}`,
          '--print-value-only',
        ],
        { env: { ETCDCTL_API: '3' } },
      ).stdout;
    expect(raw('first')).toContain('skiff:enc:aesgcm:v1:');
    expect(raw('first')).not.toContain(Buffer.from('opensesame').toString('base64'));
    const word = (of: TestCluster, name: string): string =>
      of.k('get', 'secret', name, '-o', 'jsonpath={.data.word}');
    expect(word(two, 'first')).toBe(Buffer.from('opensesame').toString('base64'));
    // What a first start encrypts may be under way still; a change on top of it is refused.
    await until('no change of keys is under way', () => !status(one).running);
    says(one, 'secrets-encrypt', 'rotate-keys');
    await until(
      'the other server has the new key',
      () => status(two).activekey === status(one).activekey,
    );
    two.k('create', 'secret', 'generic', 'second', '--from-literal=word=again');
    expect(word(one, 'second')).toBe(Buffer.from('again').toString('base64'));
    expect(word(two, 'first')).toBe(Buffer.from('opensesame').toString('base64'));
    expect(status(two).values).toEqual({
      plain: 0,
      keys: [{ name: status(one).activekey, values: expect.any(Number) as number }],
    });
    const save = skiff(one, 'etcd-snapshot', 'save');
    expect([save.code, save.stderr]).toEqual([1, expect.stringContaining('kept elsewhere')]);
    // The token of both is replaced; one of them still has the old one in its configuration.
    const asked = (of: TestCluster, password: string): string =>
      of.node.exec([
        'curl',
        '-sk',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-u',
        `server:${password}`,
        'https://127.0.0.1:6443/v1-skiff/server-bootstrap',
      ]).stdout;
    expect([asked(one, 'shared'), asked(one, 'another')]).toEqual(['409', '401']);
    const wrong = skiff(one, 'token', 'rotate', '--token', 'wrong');
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('not the token')]);
    expect(says(one, 'token', 'rotate', '--token', 'shared', '--new-token', 'another')).toMatch(
      /token rotated; .*server\/token/,
    );
    await until('both know it', () =>
      [one, two].every((of) => asked(of, 'another') === '409' && asked(of, 'shared') === '401'),
    );
    for (const of of [one, two])
      expect(readFileSync(join(of.node.disk, 'var/lib/skiff/server/token'), 'utf8').trim()).toMatch(
        /::server:another$/,
      );
    two.killServer('KILL');
    two.startServer(flags);
    await two.answers();
    expect([asked(two, 'another'), word(two, 'second')]).toEqual([
      '409',
      Buffer.from('again').toString('base64'),
    ]);
  });
});
