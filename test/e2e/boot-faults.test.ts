import type { ChildProcess } from 'node:child_process';
import { afterAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** A machine that is not as it should be when the server starts. */
const clusters: TestCluster[] = [];
let failed = false;
afterAll(() => {
  for (const cluster of clusters) cluster.down(failed);
});
const machine = async (): Promise<TestCluster> => {
  const cluster = new TestCluster();
  clusters.push(cluster);
  await cluster.launch({ images: [busybox()], start: false });
  return cluster;
};
const pod = (name: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]
${more}`;
const condition = (cluster: TestCluster, type: string): string =>
  cluster.kubectl(
    [
      'get',
      'node',
      '-o',
      `jsonpath={.items[0].status.conditions[?(@.type=="${type}")].status} ` +
        `{.items[0].status.conditions[?(@.type=="${type}")].message}`,
    ],
    { timeoutMs: 5_000 },
  ).stdout;

describe('a network that comes late', () => {
  it('is taken when it comes', async () => {
    onTestFailed(() => void (failed = true));
    const cluster = await machine();
    const { ip, hostIp } = cluster.node;
    cluster.node.exec(['ip', 'addr', 'flush', 'dev', 'eth0']);
    cluster.startServer();
    await until('the server is ready', () => cluster.log().includes('skiff server ready'), {
      seen: () => cluster.log().slice(-2000),
    });
    expect(cluster.log()).not.toContain(ip);
    cluster.node.exec([
      'sh',
      '-c',
      `ip addr add ${ip}/24 dev eth0; ip route replace default via ${hostIp}`,
    ]);
    await cluster.ready();
    await until(
      'the Node has its address',
      () =>
        cluster.k(
          'get',
          'node',
          '-o',
          'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
        ) === ip,
    );
    await until(
      'the kubernetes Service leads there',
      () =>
        cluster.k(
          'get',
          'endpoints',
          'kubernetes',
          '-o',
          'jsonpath={.subsets[*].addresses[*].ip}',
        ) === ip,
    );
    cluster.apply(pod('late'));
    cluster.k('wait', '--for=condition=Ready', 'pod/late', '--timeout=60s');
    expect(
      cluster.k(
        'exec',
        'late',
        '--',
        'sh',
        '-c',
        'nc -w 3 kubernetes.default 443 </dev/null && echo open',
      ),
    ).toBe('open\n');
  });
});

describe('ports that others have', () => {
  const squatters: ChildProcess[] = [];
  /** A program that holds a port of every address, for TCP and UDP, as a dnsmasq does. */
  const squat = async (cluster: TestCluster, port: number): Promise<void> => {
    const program =
      `/* squatter ${port}. */ require('net').createServer().listen(${port}, '0.0.0.0'); ` +
      `require('dgram').createSocket('udp4').bind(${port}, '0.0.0.0')`;
    squatters.push(cluster.node.start([process.execPath, '-e', program], `squatter-${port}.log`));
    await until(
      'the port is held',
      () =>
        cluster.node.exec([
          'sh',
          '-c',
          `grep -qi ':${port.toString(16).padStart(4, '0')} 00000000:0000 0A' /proc/net/tcp`,
        ]).code === 0,
      { timeoutMs: 10_000 },
    );
  };
  const leave = (cluster: TestCluster, port: number): void =>
    void cluster.node.exec(['sh', '-c', `pkill -f 'squatter ${port}\\.'`]);

  it(
    '53: the cluster DNS is answered all the same; 10250: pods run, and it is taken once it is ' +
      'free',
    async () => {
      onTestFailed(() => void (failed = true));
      const cluster = await machine();
      await squat(cluster, 53);
      await squat(cluster, 10250);
      cluster.startServer();
      await cluster.ready();
      cluster.apply(pod('a'));
      cluster.k('wait', '--for=condition=Ready', 'pod/a', '--timeout=60s');
      expect(condition(cluster, 'PortTaken')).toMatch(/^True .*10250.*address already in use/);
      await until(
        'an event says so',
        () =>
          cluster
            .kubectl(['get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}'])
            .stdout.includes('PortTaken'),
        { timeoutMs: 15_000 },
      );
      expect(cluster.kubectl(['exec', 'a', '--', 'true'], { timeoutMs: 20_000 }).code).not.toBe(0);
      leave(cluster, 10250);
      await until(
        'the port is served',
        () =>
          cluster.kubectl(['exec', 'a', '--', 'echo', 'here'], { timeoutMs: 10_000 }).stdout ===
          'here\n',
        { timeoutMs: 60_000 },
      );
      await until(
        'the condition is over',
        () => condition(cluster, 'PortTaken').startsWith('False'),
        { timeoutMs: 10_000 },
      );
      // From a pod and from the node, over UDP and TCP.
      expect(
        cluster.k('exec', 'a', '--', 'nslookup', 'kubernetes.default.svc.cluster.local'),
      ).toContain('10.43.0.1');
      const ask = (udp: boolean): string => {
        const resolve =
          `const { Resolver } = require('dns/promises'); const r = new Resolver({ timeout: 3000, ` +
          `tries: 1 }); r.setServers(['10.43.0.10']); ` +
          `r.resolve4('kubernetes.default.svc.cluster.local').then(console.log, console.log)`;
        const tcp =
          `const s = require('net').connect(53, '10.43.0.10'); const name = ['kubernetes', ` +
          `'default', 'svc', 'cluster', 'local'].map((l) => String.fromCharCode(l.length) + ` +
          `l).join('') + '\\0'; const m = Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, ` +
          `0, 0, 0]), Buffer.from(name, 'latin1'), Buffer.from([0, 1, 0, 1])]); ` +
          `s.write(Buffer.concat([Buffer.from([0, m.length]), m])); s.once('data', (d) => { ` +
          `console.log(d.subarray(-4).join('.')); s.destroy(); })`;
        return cluster.node.exec([process.execPath, '-e', udp ? resolve : tcp], {
          timeoutMs: 10_000,
        }).stdout;
      };
      expect(ask(true)).toContain('10.43.0.1');
      expect(ask(false)).toBe('10.43.0.1\n');
      // Its rule comes back with the others.
      cluster.node.exec(['nft', 'flush', 'ruleset']);
      await until(
        'names are answered again',
        () =>
          cluster
            .kubectl(['exec', 'a', '--', 'nslookup', 'kubernetes.default.svc.cluster.local'], {
              timeoutMs: 10_000,
            })
            .stdout.includes('10.43.0.1'),
        { timeoutMs: 20_000 },
      );
    },
  );

  it('6443: one line with the port, and an end', async () => {
    onTestFailed(() => void (failed = true));
    const cluster = clusters.at(-1) as TestCluster;
    await cluster.stopServer();
    await squat(cluster, 6443);
    const before = cluster.log().length;
    cluster.startServer();
    await until(
      'it has ended',
      () =>
        / ERROR skiff .*6443/.test(cluster.log().slice(before)) &&
        cluster.node.exec(['sh', '-c', 'kill -0 $(cat /run/skiff-server.pid)']).code !== 0,
      { timeoutMs: 20_000, seen: () => cluster.log().slice(before) },
    );
    const said = cluster
      .log()
      .slice(before)
      .split('\n')
      .filter((line) => / ERROR skiff |^\s+at /.test(line));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/cannot listen on .*6443.*\(.*\)/);
    leave(cluster, 6443);
    cluster.startServer();
    await cluster.ready();
    for (const squatter of squatters) squatter.kill();
  });
});
