import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { kubectlProgram, root, run, TestCluster, until } from './node.ts';

/** Control planes only, but for one: what is looked at here needs no containers. */
const bare = ['--disable-agent'];
let failed = false;
const all: TestCluster[] = [];

function machine(name: string): TestCluster {
  const cluster = new TestCluster(name);
  all.push(cluster);
  return cluster;
}

const token = (of: TestCluster): string =>
  readFileSync(join(of.node.disk, 'var/lib/skiff/server/token'), 'utf8').trim();

// The machines reach each other through the host.
afterAll(() => {
  for (const cluster of all) cluster.down(failed);
});

const deployment = (name: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: c, image: none}]}}
`;

const endpoints = (of: TestCluster): string =>
  of
    .kubectl(['get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[*].addresses[*].ip}'], {
      timeoutMs: 5_000,
    })
    .stdout.trim()
    .split(/\s+/)
    .sort()
    .join();
const ips = (...of: TestCluster[]): string =>
  of
    .map((c) => c.node.ip)
    .sort()
    .join();
const hasReplicaSet = (of: TestCluster, name: string): boolean =>
  of
    .kubectl(['get', 'rs', '-l', `app=${name}`, '-o', 'name'], { timeoutMs: 5_000 })
    .stdout.includes('replicaset');
const skiff = (
  of: TestCluster,
  ...args: string[]
): { code: number; stdout: string; stderr: string } =>
  of.node.exec([process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'), ...args]);
/** Server and etcd of a machine, at once. */
const kill = (of: TestCluster): void =>
  void of.node.exec(['bash', '-c', 'kill -9 $(cat /run/skiff-server.pid) $(pgrep -x etcd)']);
const leader = (of: TestCluster): string =>
  of
    .kubectl(
      [
        'get',
        'lease',
        '-n',
        'kube-system',
        'kube-controller-manager',
        '-o',
        'jsonpath={.spec.holderIdentity}',
      ],
      { timeoutMs: 5_000 },
    )
    .stdout.split('_')[0] ?? '';

describe('three servers with an etcd each', () => {
  const [one, two, three] = [machine('one'), machine('two'), machine('three')];
  const members = (of: TestCluster): string[] =>
    skiff(of, 'datastore', 'member', 'list')
      .stdout.trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(/\s+/).slice(0, 2).join(' '));
  const nodes = (of: TestCluster): string =>
    of.kubectl([
      'get',
      'nodes',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name} ' +
        '{.status.conditions[?(@.type=="Ready")].status} {.spec.podCIDR};{end}',
    ]).stdout;

  it('become one cluster', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    await one.launch({ flags: bare });
    await one.answers();
    one.k('create', 'configmap', 'from-before');
    const full = token(one);
    await two.node.boot();
    const attempt = (secret: string) =>
      skiff(two, 'server', ...bare, '--server', `https://${one.node.ip}:6443`, '--token', secret);
    expect(attempt(full)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^\S+ ERROR skiff .* takes no servers: .*SQLite.* \(.*--cluster-init.*\)\n$/,
      ) as string,
    });
    await one.stopServer();
    one.startServer([...bare, '--cluster-init']);
    await one.answers();
    expect(attempt(full.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^\S+ ERROR skiff .* does not know this token \(.*server\/token.*\)\n$/,
      ) as string,
    });
    const flags = [...bare, '--server', `https://${one.node.ip}:6443`, '--token', full];
    two.startServer(flags);
    await two.answers();
    await three.launch({ flags: flags.slice(bare.length) });
    await three.answers();
    expect(members(one)).toEqual(['one member', 'three member', 'two member']);
    expect(three.k('get', 'configmap', 'from-before', '-o', 'name')).toContain('from-before');
    two.apply(deployment('first'));
    await until('all see it', () => [one, two, three].every((of) => hasReplicaSet(of, 'first')));
    await until('every server is an endpoint', () => endpoints(two) === ips(one, two, three));
    expect(token(three)).toBe(full);
    expect(leader(two)).toBe('one');
    await until(
      'the node of a server that joined is Ready, with a range for its pods',
      () => /^three True 10\.42\.\d+\.0\/24;$/.test(nodes(two)),
      { seen: () => nodes(two) },
    );
  });

  it('go on when the first is killed, and take it back', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    kill(one);
    // Applied, not created: a write that its client did not wait for may yet be done.
    const alone = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: written-alone}\n';
    await until(
      'another server answers',
      () => two.kubectl(['apply', '-f', '-'], { input: alone, timeoutMs: 8_000 }).code === 0,
      { timeoutMs: 30_000 },
    );
    two.apply(deployment('second'));
    await until('controllers work on another server', () => hasReplicaSet(three, 'second'), {
      timeoutMs: 30_000,
    });
    expect(['two', 'three']).toContain(leader(three));
    await until('the dead server is not an endpoint', () => endpoints(two) === ips(two, three), {
      timeoutMs: 30_000,
    });
    one.startServer();
    await one.answers();
    expect(one.k('get', 'configmap', 'written-alone', '-o', 'name')).toContain('written-alone');
    await until('it is an endpoint again', () => endpoints(two) === ips(one, two, three), {
      timeoutMs: 30_000,
    });
  });

  it('come back after all were killed at once', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    for (const of of [one, three]) kill(of);
    // Its etcd lives on, and must make way for the one of the next start.
    two.killServer('KILL');
    for (const of of [three, two, one]) of.startServer();
    for (const of of [one, two, three]) await of.answers();
    expect(three.k('get', 'deployments', '-o', 'name').trim().split('\n')).toHaveLength(2);
  });

  it('keep their leader when one that was cut off is back', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    const tls = '/var/lib/skiff/server/tls/etcd';
    const metric = (of: TestCluster, name: string): number =>
      Number(
        of.node
          .exec([
            'bash',
            '-c',
            `curl -sk -m 5 --cert ${tls}/client.crt --key ${tls}/client.key ` +
              `https://localhost:2379/metrics | awk '$1 == "etcd_server_${name}" {print $2}'`,
          ])
          .stdout.trim() || NaN,
      );
    const servers = [one, two, three];
    const cut = servers.find((of) => metric(of, 'is_leader') === 0) as TestCluster;
    const others = servers.filter((of) => of !== cut);
    const changes = (): number[] => others.map((of) => metric(of, 'leader_changes_seen_total'));
    const before = changes();
    expect(before).toEqual([expect.any(Number), expect.any(Number)]);
    cut.node.cable('down');
    await until('it has no leader', () => metric(cut, 'has_leader') === 0, { timeoutMs: 30_000 });
    // So long that it calls for votes that nobody hears.
    await sleep(12_000);
    cut.node.cable('up');
    cut.node.exec(['ip', 'route', 'replace', 'default', 'via', cut.node.hostIp]);
    await until('it has a leader', () => metric(cut, 'has_leader') === 1, { timeoutMs: 30_000 });
    await until('every server is an endpoint', () => endpoints(cut) === ips(one, two, three), {
      timeoutMs: 30_000,
    });
    expect(changes()).toEqual(before);
  });

  it('go on with one whose machine gets another address', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    const { ip, hostIp } = three.node;
    const next = ip.replace(/\.1$/, '.77');
    three.node.exec([
      'sh',
      '-c',
      `ip addr add ${next}/24 dev eth0; ip addr del ${ip}/24 dev eth0; ip addr replace ` +
        `${next}/24 dev eth0; ip route replace default via ${hostIp}`,
    ]);
    three.useAddress(next);
    const wanted = [one.node.ip, two.node.ip, next].sort().join();
    await until('it is an endpoint there', () => endpoints(one) === wanted, {
      timeoutMs: 60_000,
      seen: () => three.log().slice(-3000),
    });
    await until('it answers', () => {
      three.useAddress(next);
      return three.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 5_000 }).stdout === 'ok';
    });
    three.k('create', 'configmap', 'from-elsewhere');
  });

  it('let a dead server go, and take it as a new one', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    await until('its node has its roles', () =>
      one.k('get', 'node', 'three', '--show-labels').includes('node-role.kubernetes.io/etcd=true'),
    );
    kill(three);
    one.k('delete', 'node', 'three');
    await until('it is not a member', () => members(two).join() === 'one member,two member');
    three.startServer();
    await three.answers();
    expect(members(one)).toEqual(['one member', 'three member', 'two member']);
    await until('it is a node again', () => /^three True /.test(nodes(two)), {
      seen: () => nodes(two),
    });
    // What deleting a node does, by hand: for servers that are not nodes.
    expect(skiff(one, 'datastore', 'member', 'remove', 'two')).toMatchObject({
      code: 0,
      stdout: 'two is no longer a member\n',
    });
    expect(members(one)).toEqual(['one member', 'three member']);
    expect(skiff(one, 'datastore', 'member', 'remove', 'two')).toMatchObject({
      code: 1,
      stderr: 'skiff: there is no member "two" (see skiff datastore member list)\n',
    });
  });
});

describe('two servers with one datastore', () => {
  const [four, five] = [machine('four'), machine('five')];

  it('share authorities and state, and refuse a stranger', async ({ onTestFailed }) => {
    onTestFailed(() => void (failed = true));
    await four.node.boot();
    const url = `http://${four.node.ip}:12379`;
    four.node.start(
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
    const flags = (secret: string): string[] => [
      ...bare,
      '--datastore-endpoint',
      url,
      '--token',
      secret,
    ];
    await five.node.boot();
    four.startServer(flags('shared'));
    five.startServer(flags('shared'));
    await four.answers();
    await five.answers();
    four.apply(deployment('there'));
    await until('the other sees it', () => hasReplicaSet(five, 'there'));
    expect(
      readFileSync(join(five.node.disk, 'var/lib/skiff/server/tls/server-ca.key'), 'utf8'),
    ).toBe(readFileSync(join(four.node.disk, 'var/lib/skiff/server/tls/server-ca.key'), 'utf8'));
    await until('both are endpoints', () => endpoints(five) === ips(four, five));
    // One server's credentials are good at the other.
    expect(
      run([
        kubectlProgram(),
        '--kubeconfig',
        four.kubeconfig,
        '--server',
        `https://${five.node.ip}:6443`,
        'get',
        '--raw',
        '/readyz',
      ]).stdout,
    ).toBe('ok');
    const stranger = skiff(
      five,
      'server',
      '--data-dir',
      '/run/stranger',
      '--run-dir',
      '/run/stranger-run',
      ...flags('other'),
    );
    expect([stranger.code, stranger.stderr.trim()]).toEqual([
      1,
      expect.stringMatching(
        /^\S+ ERROR skiff the datastore belongs to a cluster with another token \(.*\)$/,
      ),
    ]);
  });
});
