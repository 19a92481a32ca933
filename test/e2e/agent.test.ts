import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { kubectlProgram, root, run, TestCluster, until } from './node.ts';

const cluster = new TestCluster('server');
const [one, two] = [new AgentMachine('one'), new AgentMachine('two')];
let failed = false;
const token = (file?: string): string => cluster.token(file);
const url = (): string => cluster.url;

beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  for (const machine of [one, two]) await machine.boot([busybox()]);
});
afterAll(() => {
  for (const machine of [one, two]) machine.down(failed);
  cluster.down(failed);
});

const readyNode = (name: string): Promise<unknown> =>
  until(`node ${name} is Ready`, () => cluster.nodeIsReady(name), {
    seen: () => `\n${one.log().slice(-2000)}\n${two.log().slice(-2000)}`,
  });

const pod = (name: string, node: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
`;
const ipOf = (name: string): string =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');

/** What a pod gets from the web server there. */
const fetched = (from: string, where: string): string =>
  cluster.kubectl([
    'exec',
    from,
    '--',
    'sh',
    '-c',
    `printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 5 nc -w 3 ${where}`,
  ]).stdout;

describe('a machine that joins', () => {
  it("with the agents' token becomes a Ready node, and runs pods", async () => {
    onTestFailed(() => void (failed = true));
    one.start(['--server', url(), '--token', token()]);
    await readyNode('one');
    cluster.apply(pod('on-one', 'one') + '---' + pod('on-server', 'server'));
    cluster.k('wait', '--for=condition=Ready', 'pod/on-one', 'pod/on-server', '--timeout=60s');
    expect(cluster.k('exec', 'on-one', '--', 'hostname').trim()).toBe('on-one');
  });

  it('with a bootstrap token as well', async () => {
    onTestFailed(() => void (failed = true));
    const made = cluster.node.exec([
      process.env['SKIFF_TEST_BINARY'] ?? join(import.meta.dirname, '../../dist/skiff'),
      'token',
      'create',
      '--ttl',
      '1h',
    ]);
    expect(made.stderr + made.stdout).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
    two.start(['--server', url(), '--token', made.stdout.trim()]);
    await readyNode('two');
    cluster.apply(pod('on-two', 'two'));
    cluster.k('wait', '--for=condition=Ready', 'pod/on-two', '--timeout=60s');
  });

  it('has pods that reach those of every other node', () => {
    onTestFailed(() => void (failed = true));
    const names = ['on-server', 'on-one', 'on-two'];
    for (const from of names)
      for (const to of names) expect(fetched(from, `${ipOf(to)} 8080`)).toContain(`\n${to}\n`);
  });

  it('has Services, their DNS and node ports on every node', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(`
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: on-two}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`);
    for (const from of ['on-server', 'on-one', 'on-two'])
      await until(`the Service answers ${from}`, () =>
        fetched(from, 'web.default.svc.cluster.local 80').includes('\non-two\n'),
      );
    for (const { ip } of [cluster.node, one.node, two.node])
      expect(fetched('on-one', `${ip} 30080`)).toContain('\non-two\n');
  });

  it('shows logs of its pods, and forwards ports to them', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(pod('talks', 'one').replace('hostname >', 'echo hello; hostname >'));
    cluster.k('wait', '--for=condition=Ready', 'pod/talks', '--timeout=60s');
    expect(cluster.k('logs', 'talks')).toBe('hello\n');
    expect(cluster.k('get', '--raw', '/api/v1/nodes/one/proxy/healthz')).toBe('ok');
    expect(
      cluster.k('get', '--raw', '/api/v1/namespaces/default/pods/talks:8080/proxy/').trim(),
    ).toBe('talks');
  });

  it('needs no open port: its servers reach it through the tunnel that it dialled', async () => {
    onTestFailed(() => void (failed = true));
    // As behind NAT: nobody opens a connection to the kubelet's port, and those that stood end.
    const rules = `table inet nat-like {
      chain in { type filter hook input priority -50; iifname "eth0" tcp dport 10250 drop; }
    }`;
    expect(two.node.exec(['nft', '-f', '-'], { input: rules }).code).toBe(0);
    expect(cluster.k('logs', 'on-two')).toBe('');
    expect(cluster.k('exec', 'on-two', '--', 'hostname').trim()).toBe('on-two');
    const sent = 'x'.repeat(3_000_000);
    const back = run([kubectlProgram(), 'exec', '-i', 'on-two', '--', 'cat'], {
      input: sent,
      env: { KUBECONFIG: cluster.kubeconfig },
    });
    expect(back.stdout === sent).toBe(true);
    expect(cluster.k('get', '--raw', '/api/v1/nodes/two/proxy/healthz')).toBe('ok');
    // A server that was killed and is back has the tunnel again.
    cluster.killServer('KILL');
    cluster.startServer();
    await cluster.answers();
    await until('the tunnel is dialled again', () =>
      cluster.kubectl(['exec', 'on-two', '--', 'hostname']).stdout.includes('on-two'),
    );
    two.node.exec(['nft', 'delete', 'table', 'inet', 'nat-like']);
  });

  it('goes on with its pods when the agent is killed and starts again', async () => {
    onTestFailed(() => void (failed = true));
    const id = '{.status.containerStatuses[0].containerID}';
    const before = cluster.k('get', 'pod', 'on-one', '-o', `jsonpath=${id}`);
    one.kill('KILL');
    await until('the agent has ended', () => !one.running);
    one.start();
    cluster.apply(pod('later', 'one'));
    cluster.k('wait', '--for=condition=Ready', 'pod/later', '--timeout=60s');
    expect(cluster.k('get', 'pod', 'on-one', '-o', `jsonpath=${id}`)).toBe(before);
  });
});

describe('a machine that may not join is told why', () => {
  const refusal = async (machine: AgentMachine, flags: string[]): Promise<string> => {
    const said = machine.log().length;
    machine.start(flags);
    await until('the agent has ended', () => !machine.running && machine.log().length > said);
    return machine.log().slice(said);
  };

  it("with a wrong token, the name of another machine, or a server's", async () => {
    onTestFailed(() => void (failed = true));
    const stranger = new AgentMachine('stranger');
    try {
      await stranger.boot();
      const [head] = token().split('::');
      expect(
        await refusal(stranger, ['--server', url(), '--token', `${head}::node:wrong`]),
      ).toMatch(/ERROR skiff .*does not know the token \(take it from/);
      const ofOther = `K10${'0'.repeat(64)}::node:wrong`;
      expect(await refusal(stranger, ['--server', url(), '--token', ofOther])).toMatch(
        /the token is for another cluster/,
      );
      const named = (name: string): Promise<string> =>
        refusal(stranger, ['--server', url(), '--token', token(), '--node-name', name]);
      expect(await named('one')).toMatch(
        /another machine with the name one \(.*kubectl delete node/,
      );
      expect(await named('server')).toMatch(/server is a name or address of a server/);
      expect(await named('kubernetes')).toMatch(/kubernetes is a name or address of a server/);
      expect(cluster.k('get', 'nodes', '-o', 'name').trim().split('\n')).toEqual([
        'node/one',
        'node/server',
        'node/two',
      ]);
    } finally {
      stranger.down(failed);
    }
  });

  it('and may take the place of one whose Node was deleted', async () => {
    onTestFailed(() => void (failed = true));
    two.down(false);
    cluster.k('delete', 'node', 'two');
    const again = new AgentMachine('two');
    try {
      await again.boot([busybox()]);
      again.start(['--server', url(), '--token', token()]);
      await readyNode('two');
    } finally {
      again.down(failed);
    }
  });

  it('and install.sh makes one of it, and takes it away again', async () => {
    onTestFailed(() => void (failed = true));
    const machine = new AgentMachine('installed');
    const shell = (script: string): string => {
      const done = machine.node.exec(['bash', '-c', script]);
      return `${done.code} ${done.stdout}${done.stderr}`;
    };
    try {
      await machine.boot();
      const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
      const install =
        `cd ${root} && SKIFF_URL=${url()} SKIFF_TOKEN=${token()} INSTALL_SKIFF_SKIP_BUILD=true ` +
        `INSTALL_SKIFF_SKIP_PACKAGES=true INSTALL_SKIFF_BINARY=${binary} ./install.sh`;
      expect(shell(install)).toMatch(/^0 [^]*node installed is Ready[^]*is a node;/);
      expect(shell(install)).toMatch(/^0 [^]*nothing changed/);
      expect(shell('skiff-uninstall.sh')).toMatch(/^0 [^]*nothing of skiff is left/);
      expect(shell('ls /etc/skiff /var/lib/skiff')).toBe('0 /etc/skiff:\n\n/var/lib/skiff:\n');
      cluster.k('delete', 'node', 'installed');
    } finally {
      machine.down(failed);
    }
  });
});
