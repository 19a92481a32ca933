import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { kubectlProgram, TestCluster, until } from './node.ts';

/**
 * What happens to the network of a machine while nobody is there: the node must find its way back
 * by itself.
 */
const cluster = new TestCluster();
let failed = false;
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [httpd, -f, -p, "8080", -h, /etc], ports: [{containerPort: 8080, hostPort: 8088}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/web', 'pod/client', '--timeout=60s');
});
afterAll(() => cluster.down(failed));

const inNode = (...command: string[]): string => cluster.node.exec(command).stdout;
const serviceAnswers = (): boolean =>
  cluster
    .kubectl(
      [
        'exec',
        'client',
        '--',
        'wget',
        '-q',
        '-O',
        '-',
        'http://web.default.svc.cluster.local/passwd',
      ],
      { timeoutMs: 10_000 },
    )
    .stdout.includes('root:');
const hostPortAnswers = (): boolean =>
  cluster.node
    .exec(['curl', '-s', '-m', '5', `http://${cluster.node.ip}:8088/passwd`])
    .stdout.includes('root:');

describe('a node whose rules others take away', () => {
  it('puts its tables back after "nft flush ruleset"', async () => {
    onTestFailed(() => void (failed = true));
    await until('the service answers', serviceAnswers);
    await until('the host port answers', hostPortAnswers);
    const before = inNode('nft', '-s', 'list', 'ruleset').replace(
      /stamp \{[^}]*\}[^}]*\}/,
      '',
    ).length;
    cluster.node.exec(['nft', 'flush', 'ruleset']);
    await until(
      'the table is back',
      () => cluster.node.exec(['nft', 'list', 'table', 'ip', 'skiff']).code === 0,
      { timeoutMs: 5_000 },
    );
    await until('the service answers again', serviceAnswers, { timeoutMs: 10_000 });
    await until('the host port answers again', hostPortAnswers, { timeoutMs: 10_000 });
    expect(
      Math.abs(
        inNode('nft', '-s', 'list', 'ruleset').replace(/stamp \{[^}]*\}[^}]*\}/, '').length -
          before,
      ),
    ).toBeLessThan(20);
    expect(cluster.log()).toMatch(/another program changed our rules in nftables/);
  });

  it('puts one rule back as well, and goes on changing its table after', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.exec(['nft', 'flush', 'chain', 'ip', 'skiff', 'services']);
    await until('the service answers again', serviceAnswers, { timeoutMs: 15_000 });
    cluster.k('create', 'service', 'clusterip', 'later', '--tcp=81:8080');
    cluster.k('patch', 'service', 'later', '-p', '{"spec":{"selector":{"app":"web"}}}');
    await until(
      'a new service answers',
      () =>
        cluster
          .kubectl(['exec', 'client', '--', 'wget', '-q', '-O', '-', 'http://later:81/passwd'], {
            timeoutMs: 10_000,
          })
          .stdout.includes('root:'),
      { timeoutMs: 15_000 },
    );
  });

  it("does not take its own changes for another's", async () => {
    onTestFailed(() => void (failed = true));
    const said = (): number => cluster.log().split('another program changed our rules').length;
    const before = said();
    for (let i = 0; i < 5; i++)
      cluster.k('create', 'service', 'nodeport', `own-${i}`, '--tcp=80:8080');
    for (let i = 0; i < 5; i++) cluster.k('delete', 'service', `own-${i}`);
    await until(
      'the last of them is gone',
      () => !inNode('nft', 'list', 'map', 'ip', 'skiff', 'np').includes('goto'),
      { timeoutMs: 10_000 },
    );
    expect(said()).toBe(before);
  });

  it('goes on when the program that tells of changes is killed', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.exec(['bash', '-c', 'pkill -9 -f "^nft monitor"; pkill -9 -f "^ip -o monitor"']);
    await until(
      'they are started again',
      () =>
        cluster.node.exec(['pgrep', '-f', '^nft monitor']).code === 0 &&
        cluster.node.exec(['pgrep', '-f', '^ip -o monitor']).code === 0,
      { timeoutMs: 10_000 },
    );
    cluster.node.exec(['nft', 'flush', 'ruleset']);
    await until('the service answers again', serviceAnswers, { timeoutMs: 45_000 });
  });

  it('forwards again, and answers DNS again', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.exec([
      'sh',
      '-c',
      'echo 0 > /proc/sys/net/ipv4/ip_forward; ip addr del 10.43.0.10/32 dev lo',
    ]);
    await until(
      'forwarding is on',
      () => inNode('cat', '/proc/sys/net/ipv4/ip_forward').trim() === '1',
      { timeoutMs: 5_000 },
    );
    await until(
      'the address of the DNS is back',
      () => inNode('ip', '-o', 'addr', 'show', 'dev', 'lo').includes('10.43.0.10/32'),
      { timeoutMs: 5_000 },
    );
    await until('the service answers by name', serviceAnswers, { timeoutMs: 10_000 });
  });
});

describe('a pod whose link others take away', () => {
  interface Shown {
    status: { podIP: string; containerStatuses: { restartCount: number }[] };
  }
  const web = (): Shown => cluster.json<Shown>('pod', 'web');
  const linkOf = (ip: string): string =>
    /dev (\S+)/.exec(inNode('ip', 'route', 'show', `${ip}/32`))?.[1] ?? '';

  it('is reached again after its link was down, and keeps running', async () => {
    onTestFailed(() => void (failed = true));
    const before = web().status;
    const link = linkOf(before.podIP);
    expect(link).toMatch(/^veth/);
    cluster.node.exec(['ip', 'link', 'set', link, 'down']);
    await until('there is a way to it', () => linkOf(before.podIP) === link, { timeoutMs: 10_000 });
    await until('the service answers', serviceAnswers, { timeoutMs: 10_000 });
    expect(web().status.containerStatuses[0]?.restartCount).toBe(
      before.containerStatuses[0]?.restartCount,
    );
  });

  it('gets another sandbox when its link is gone', async () => {
    onTestFailed(() => void (failed = true));
    const before = web().status;
    cluster.node.exec(['ip', 'link', 'del', linkOf(before.podIP)]);
    await until(
      'it has another address',
      () => ![before.podIP, undefined].includes(web().status.podIP),
      { timeoutMs: 60_000 },
    );
    cluster.k('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
    await until('the service answers', serviceAnswers, { timeoutMs: 10_000 });
    await until('the host port answers', hostPortAnswers, { timeoutMs: 10_000 });
    expect(cluster.k('get', 'events', '--field-selector=involvedObject.name=web')).toContain(
      'SandboxChanged',
    );
  });

  it('gets it also when the link went while skiff was away', async () => {
    onTestFailed(() => void (failed = true));
    const before = web().status;
    cluster.killServer('KILL');
    cluster.node.exec(['ip', 'link', 'del', linkOf(before.podIP)]);
    cluster.startServer();
    await cluster.ready();
    await until(
      'it has another address',
      () => ![before.podIP, undefined].includes(web().status.podIP),
      { timeoutMs: 60_000 },
    );
    await until('the service answers', serviceAnswers, { timeoutMs: 30_000 });
  });
});

describe('a node that gets another address', () => {
  it('moves there with all that shows its address, without a restart', async () => {
    onTestFailed(() => void (failed = true));
    const { ip, hostIp } = cluster.node;
    const next = ip.replace(/\.1$/, '.77');
    const started = inNode('cat', '/run/skiff-server.pid');
    cluster.node.exec([
      'sh',
      '-c',
      `ip addr add ${next}/24 dev eth0; ip addr del ${ip}/24 dev eth0; ip addr show dev eth0 ` +
        `| grep -q ${next} || ip addr add ${next}/24 dev eth0; ip route replace default via ` +
        `${hostIp}`,
    ]);
    cluster.useAddress(next);
    await until(
      'the Node shows it',
      () =>
        cluster.kubectl(
          [
            'get',
            'node',
            '-o',
            'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
          ],
          { timeoutMs: 5_000 },
        ).stdout === next,
      { timeoutMs: 20_000 },
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
        ) === next,
    );
    expect(
      cluster.k(
        'get',
        'endpointslice',
        'kubernetes',
        '-o',
        'jsonpath={.endpoints[*].addresses[*]}',
      ),
    ).toBe(next);
    // A kubelet whose certificate lacks the address would be refused.
    await until(
      'logs and exec work',
      () =>
        cluster.kubectl(['exec', 'client', '--', 'echo', 'here'], { timeoutMs: 10_000 }).stdout ===
        'here\n',
      { timeoutMs: 15_000 },
    );
    await until(
      'a pod reaches the API',
      () =>
        cluster.kubectl(
          [
            'exec',
            'client',
            '--',
            'sh',
            '-c',
            'nc -w 3 kubernetes.default 443 </dev/null && echo open',
          ],
          { timeoutMs: 15_000 },
        ).stdout === 'open\n',
      { timeoutMs: 30_000 },
    );
    for (const [port, what] of [
      ['6443', 'the server'],
      ['10250', 'the kubelet'],
    ]) {
      const names = inNode(
        'bash',
        '-c',
        `openssl s_client -connect ${next}:${port} </dev/null 2>/dev/null | openssl x509 ` +
          '-noout -ext subjectAltName',
      );
      expect(names, what).toContain(`IP Address:${next}`);
    }
    await until(
      'pods on the host network show it',
      () => cluster.k('get', 'pod', 'web', '-o', 'jsonpath={.status.hostIP}') === next,
      { timeoutMs: 20_000 },
    );
    expect(inNode('cat', '/run/skiff-server.pid')).toBe(started);
  });

  it('keeps the address in name while there is none, and says so', async () => {
    onTestFailed(() => void (failed = true));
    const { hostIp } = cluster.node;
    const present = cluster.address;
    const node = (path: string): string =>
      JSON.parse(
        inNode(
          kubectlProgram(),
          '--kubeconfig',
          '/etc/skiff/skiff.yaml',
          'get',
          'node',
          '-o',
          'json',
        ),
      ).items[0].status[path];
    cluster.node.exec(['ip', 'addr', 'flush', 'dev', 'eth0']);
    await until(
      'a condition says so',
      () => JSON.stringify(node('conditions')).includes('any more'),
      { timeoutMs: 20_000 },
    );
    expect(JSON.stringify(node('addresses'))).toContain(present);
    cluster.node.exec([
      'sh',
      '-c',
      `ip addr add ${present}/24 dev eth0; ip route replace default via ${hostIp}`,
    ]);
    await until(
      'the condition says that it is over',
      () =>
        cluster.kubectl(
          [
            'get',
            'node',
            '-o',
            'jsonpath={.items[0].status.conditions[?(@.type=="AddressMissing")].status}',
          ],
          { timeoutMs: 5_000 },
        ).stdout === 'False',
      { timeoutMs: 20_000 },
    );
    await until('the service answers', serviceAnswers, { timeoutMs: 20_000 });
  });
});
