import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { run, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
const other = (): string => cluster.node.hostIp.replace(/\.254$/, '.253');
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  for (const name of ['shop', 'bank']) cluster.k('create', 'namespace', name);
  await until('accounts are there', () =>
    ['shop', 'bank'].every((n) => cluster.kubectl(['-n', n, 'get', 'sa', 'default']).code === 0),
  );
});
afterAll(() => cluster.down(failed));

interface PodOptions {
  namespace?: string;
  labels?: Record<string, string>;
  more?: string;
}

const pod = (
  name: string,
  command: string,
  { namespace = 'shop', labels = {}, more = '' }: PodOptions = {},
): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: ${JSON.stringify(labels)}}
spec:
  terminationGracePeriodSeconds: 0
  ${more}
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, ${JSON.stringify(command)}]
    ports: [{name: web, containerPort: 8080}]
`;
const serving = (name: string): string =>
  `mkdir /www; echo ${name} > /www/index.html; httpd -p 9090 -h /www; exec httpd -f -p 8080 ` +
  '-h /www';
const policy = (name: string, spec: object, namespace = 'shop'): string =>
  JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace },
    spec,
  });
const ipOf = (name: string, namespace = 'shop'): string =>
  cluster.k('-n', namespace, 'get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
const ready = (names: string[], namespace = 'shop'): string =>
  cluster.k(
    '-n',
    namespace,
    'wait',
    '--for=condition=Ready',
    ...names.map((n) => `pod/${n}`),
    '--timeout=60s',
  );

/** Whether a pod gets a page; a packet that is dropped is waited for two seconds. */
function gets(from: string, url: string, namespace = 'shop'): boolean {
  return (
    cluster.kubectl(
      ['-n', namespace, 'exec', from, '--', 'timeout', '2', 'wget', '-q', '-O', '-', url],
      { timeoutMs: 20_000 },
    ).code === 0
  );
}

/** How many pods try; SKIFF_STARTS=1000 takes minutes. */
const starts = Number(process.env['SKIFF_STARTS'] ?? 100);
const wave = 25;
const startsMs = 120_000 + starts * 4_000;

const settles = (what: string, look: () => boolean): Promise<unknown> =>
  until(what, look, { timeoutMs: 15_000 });
const clear = (): void => void cluster.k('delete', 'networkpolicies', '--all', '-A');

describe('policies of ingress', () => {
  it('isolate, allow by labels of pods and namespaces, and follow labels', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(
      pod('web', serving('web'), { labels: { app: 'web' } }) +
        '---' +
        pod('friend', 'sleep 3600', { labels: { role: 'friend' } }) +
        '---' +
        pod('stranger', 'sleep 3600') +
        '---' +
        pod('guest', 'sleep 3600', { namespace: 'bank', labels: { role: 'friend' } }),
    );
    cluster.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
      }),
    );
    ready(['web', 'friend', 'stranger']);
    ready(['guest'], 'bank');
    const url = `http://${ipOf('web')}:8080/`;
    for (const [name, namespace] of [
      ['friend', 'shop'],
      ['stranger', 'shop'],
      ['guest', 'bank'],
    ] as const)
      expect(gets(name, url, namespace)).toBe(true);

    cluster.apply(policy('deny', { podSelector: {} }));
    await settles('nobody gets in', () => !gets('friend', url));
    expect(gets('stranger', url)).toBe(false);
    expect(gets('web', url)).toBe(true); // itself
    expect(gets('web', 'http://web.shop/')).toBe(true); // itself, around its own service
    expect(cluster.node.exec(['curl', '-s', '-m', '2', url]).stdout).toBe('web\n'); // the node

    cluster.apply(
      policy('friends', {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [
          {
            from: [{ podSelector: { matchLabels: { role: 'friend' } } }],
            ports: [{ port: 'web' }],
          },
        ],
      }),
    );
    await settles('a friend gets in', () => gets('friend', url));
    expect(gets('friend', 'http://web.shop/')).toBe(true); // by the service too
    expect(gets('friend', `http://${ipOf('web')}:9090/`)).toBe(false); // another port
    expect(gets('stranger', url)).toBe(false);
    expect(gets('stranger', 'http://web.shop/')).toBe(false);
    expect(gets('guest', url, 'bank')).toBe(false); // a friend of another namespace

    cluster.k('-n', 'shop', 'label', 'pod', 'stranger', 'role=friend');
    await settles('a stranger becomes a friend', () => gets('stranger', url));
    cluster.k('-n', 'shop', 'label', 'pod', 'stranger', 'role-');
    await settles('and is none any more', () => !gets('stranger', url));

    cluster.apply(
      policy('guests', {
        podSelector: {},
        ingress: [
          {
            from: [
              {
                namespaceSelector: { matchLabels: { trusted: 'yes' } },
                podSelector: { matchLabels: { role: 'friend' } },
              },
            ],
          },
        ],
      }),
    );
    expect(gets('guest', url, 'bank')).toBe(false);
    cluster.k('label', 'namespace', 'bank', 'trusted=yes');
    await settles('the namespace is trusted', () => gets('guest', url, 'bank'));
    clear();
    await settles('everybody gets in', () => gets('stranger', url));
  });

  it('leave probes and pods of the host alone, and end what is open', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(policy('deny', { podSelector: { matchLabels: { app: 'probed' } } }));
    cluster.apply(
      pod('probed', serving('probed'), { labels: { app: 'probed' } }).replace(
        '    ports:',
        '    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}\n    ports:',
      ),
    );
    cluster.apply(pod('hosted', 'sleep 3600', { more: 'hostNetwork: true' }));
    ready(['probed', 'hosted']);
    expect(gets('stranger', `http://${ipOf('probed')}:8080/`)).toBe(false);
    expect(gets('hosted', `http://${ipOf('probed')}:8080/`)).toBe(true);
    clear();

    cluster.apply(
      pod('sink', 'sleep 3600 | nc -l -p 7000 > /tmp/got', { labels: { app: 'sink' } }),
    );
    ready(['sink']);
    cluster.apply(
      pod('source', `while sleep 0.2; do echo x; done | nc ${ipOf('sink')} 7000; sleep 3600`),
    );
    const size = (): number =>
      Number(cluster.k('-n', 'shop', 'exec', 'sink', '--', 'sh', '-c', 'wc -c < /tmp/got'));
    await settles('data comes', () => size() > 4);
    cluster.apply(policy('deny', { podSelector: { matchLabels: { app: 'sink' } } }));
    let last = -1;
    await settles('the flow ends', () => {
      const before = last;
      last = size();
      run(['sleep', '1']);
      return before === last;
    });
    clear();
  });
});

describe('policies of egress', () => {
  it('isolate, allow names, ports and blocks with exceptions', async () => {
    onTestFailed(() => void (failed = true));
    run(['ip', 'addr', 'add', `${other()}/24`, 'dev', cluster.node.link]);
    const servers = [cluster.node.hostIp, other()].map((ip) => `http://${ip}:8099/`);
    const listening = run([
      'bash',
      '-c',
      `mkdir -p ${cluster.node.disk}/www && echo host > ${cluster.node.disk}/www/index.html ` +
        `&& cd ${cluster.node.disk}/www && (setsid busybox httpd -f -p 8099 >/dev/null 2>&1 & ` +
        'echo $!)',
    ]);
    try {
      await settles('the world answers', () => servers.every((url) => gets('stranger', url)));
      cluster.apply(policy('deny', { podSelector: {}, policyTypes: ['Egress'] }));
      await settles('nothing goes out', () => !gets('stranger', servers[0]!));
      expect(gets('stranger', `http://${ipOf('web')}:8080/`)).toBe(false);
      expect(gets('stranger', `http://${cluster.node.ip}:10250/`)).toBe(false);
      expect(
        cluster.kubectl([
          '-n',
          'shop',
          'exec',
          'stranger',
          '--',
          'timeout',
          '2',
          'nslookup',
          'web.shop.svc.cluster.local',
        ]).code,
      ).not.toBe(0);

      cluster.apply(
        policy('names', {
          podSelector: {},
          policyTypes: ['Egress'],
          egress: [
            {
              to: [
                {
                  namespaceSelector: {
                    matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' },
                  },
                  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
                },
              ],
              ports: [
                { port: 53, protocol: 'UDP' },
                { port: 53, protocol: 'TCP' },
              ],
            },
          ],
        }),
      );
      await settles(
        'names are answered',
        () =>
          cluster.kubectl([
            '-n',
            'shop',
            'exec',
            'stranger',
            '--',
            'timeout',
            '2',
            'nslookup',
            'web.shop.svc.cluster.local',
          ]).code === 0,
      );

      cluster.apply(
        policy('web', {
          podSelector: {},
          policyTypes: ['Egress'],
          egress: [
            { to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 'web' }] },
          ],
        }),
      );
      await settles('the named port of another pod is open', () =>
        gets('stranger', 'http://web.shop/'),
      );
      expect(gets('stranger', `http://${ipOf('web')}:9090/`)).toBe(false);

      cluster.apply(
        policy('block', {
          podSelector: {},
          policyTypes: ['Egress'],
          egress: [
            {
              to: [
                {
                  ipBlock: {
                    cidr: cluster.node.hostIp.replace(/254$/, '0/24'),
                    except: [`${other()}/32`],
                  },
                },
              ],
              ports: [{ port: 8000, endPort: 8100 }],
            },
          ],
        }),
      );
      await settles('the block is open', () => gets('stranger', servers[0]!));
      expect(gets('stranger', servers[1]!)).toBe(false);
    } finally {
      run(['kill', listening.stdout.trim()]);
      clear();
    }
  });

  it('hold a pod that takes another address', async () => {
    onTestFailed(() => void (failed = true));
    const heard = await listen();
    cluster.apply(
      policy('deny', { podSelector: { matchLabels: { app: 'spoof' } }, policyTypes: ['Egress'] }),
    );
    const free = ipOf('stranger');
    // Its own address is the last: the same pod is heard with that, when nothing forbids it.
    const send = (name: string): string =>
      `gw=$(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'); for s in ${free} ` +
      '198.51.100.9 $(hostname -i); do ip addr add $s/32 dev eth0; ip route replace ' +
      `${cluster.node.hostIp} via $gw dev eth0 src $s && for i in 1 2 3; do ` +
      `${say(`${name}-$s`, heard.port)}; done; done; echo done; sleep 3600`;
    const spoofer = (name: string, labels: Record<string, string>): string =>
      pod(name, send(name), { labels }).replace(
        '    ports:',
        '    securityContext: {capabilities: {add: [NET_ADMIN]}}\n    ports:',
      );
    cluster.apply(`${spoofer('spoof', { app: 'spoof' })}---${spoofer('plain', {})}`);
    for (const name of ['spoof', 'plain'])
      await until('it has tried', () =>
        cluster.kubectl(['-n', 'shop', 'logs', name]).stdout.includes('done'),
      );
    await heard.caughtUp();
    expect(new Set(heard.lines)).toEqual(new Set([`plain-${ipOf('plain')}`]));
    cluster.k('-n', 'shop', 'delete', 'pods', 'spoof', 'plain');
    heard.close();
    clear();
  });

  it(
    'let nothing out of a pod that sends with its first instruction',
    async () => {
      onTestFailed(() => void (failed = true));
      const heard = await listen();
      const send = (name: string): string =>
        `for i in 1 2 3; do ${say(name, heard.port)}; done; exit 0`;
      const yaml = (list: string[], labels: Record<string, string>): string =>
        list.map((n) => pod(n, send(n), { labels, more: 'restartPolicy: Never' })).join('---');
      cluster.apply(
        policy('deny', { podSelector: { matchLabels: { may: 'not' } }, policyTypes: ['Egress'] }),
      );
      for (let first = 0; first < starts; first += wave) {
        const count = Math.min(wave, starts - first);
        const names = Array.from({ length: count }, (_, i) => `early-${first + i}`);
        const free = `free-${first}`;
        cluster.apply(`${yaml(names, { may: 'not' })}---${yaml([free], {})}`);
        const phases = ['get', 'pods', ...names, free, '-o', 'jsonpath={.items[*].status.phase}'];
        await until(
          'all have ended',
          () =>
            cluster
              .k('-n', 'shop', ...phases)
              .split(' ')
              .every((p) => p === 'Succeeded'),
          { timeoutMs: 180_000 },
        );
        await heard.caughtUp();
        expect(new Set(heard.lines)).toContain(free);
        expect(heard.lines.filter((line) => line.startsWith('early'))).toEqual([]);
        cluster.k('-n', 'shop', 'delete', 'pods', ...names, free);
      }
      heard.close();
      clear();
    },
    startsMs,
  );
});

describe('what is denied stays denied', () => {
  const tries = (url: string): string =>
    `n=0; while :; do if timeout 1 wget -q -O /dev/null ${url}; then n=$((n+1)); fi; echo $n ` +
    '> /tmp/n; sleep 0.1; done';

  it('while skiff is killed, away, and starts again', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(
      policy('deny', {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }],
      }),
    );
    const url = `http://${ipOf('web')}:8080/`;
    await settles('strangers are out', () => !gets('stranger', url));
    cluster.apply(
      pod('trying', tries(url)) +
        '---' +
        pod('welcome', tries(url), { labels: { role: 'friend' } }),
    );
    ready(['trying', 'welcome']);
    const got = (name: string): number =>
      Number(cluster.k('-n', 'shop', 'exec', name, '--', 'cat', '/tmp/n'));
    for (let round = 0; round < 2; round++) {
      cluster.killServer('KILL');
      run(['sleep', '3']);
      cluster.startServer();
      await cluster.ready();
      run(['sleep', '2']);
      expect(got('trying')).toBe(0);
      const before = got('welcome');
      await settles('friends are still in', () => got('welcome') > before);
    }
  });

  it('after somebody has taken all rules away', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.exec(['nft', 'flush', 'ruleset']);
    await settles('strangers are out', () => !gets('stranger', `http://${ipOf('web')}:8080/`));
    expect(gets('friend', `http://${ipOf('web')}:8080/`)).toBe(true);
  });

  it('after a power cut', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.powerCut();
    await cluster.node.boot();
    cluster.startServer();
    await cluster.ready();
    await until(
      'the pods are back',
      () =>
        ['web', 'friend', 'stranger'].every(
          (n) => cluster.kubectl(['-n', 'shop', 'exec', n, '--', 'true']).code === 0,
        ),
      { timeoutMs: 60_000 },
    );
    await settles('friends are in', () => gets('friend', `http://${ipOf('web')}:8080/`));
    expect(gets('stranger', `http://${ipOf('web')}:8080/`)).toBe(false);
  });

  it('until it is said not to be', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.stopServer();
    cluster.startServer(['--disable-network-policy']);
    await cluster.ready();
    await settles('everybody gets in', () => gets('stranger', `http://${ipOf('web')}:8080/`));
    expect(cluster.node.exec(['nft', 'list', 'tables']).stdout).not.toContain('skiff-policy');
  });
});

/** One datagram to the host, with a name in it; tftp of busybox sends it to any port. */
const say = (name: string, port: number): string =>
  `timeout 1 tftp -g -r ${name} -l /tmp/x ${cluster.node.hostIp} ${port} 2>/dev/null`;

/** A listener of the host, whose address the node reaches through its link. */
interface Heard {
  port: number;
  lines: string[];
  /** Resolves when everything that was sent before has been heard: kubectl blocks this process. */
  caughtUp(): Promise<void>;
  close(): void;
}

async function listen(): Promise<Heard> {
  const lines: string[] = [];
  const socket: Socket = createSocket('udp4');
  let marks = 0;
  let reached: () => void = () => undefined;
  socket.on('message', (m) => {
    const line = m.subarray(2).toString().split('\0')[0] ?? '';
    if (line === `mark ${marks}`) reached();
    else lines.push(line);
  });
  await new Promise<void>((resolve) => socket.bind(0, cluster.node.hostIp, resolve));
  const { port } = socket.address();
  const caughtUp = (): Promise<void> =>
    new Promise((resolve) => {
      reached = resolve;
      marks += 1;
      socket.send(`..mark ${marks}`, port, cluster.node.hostIp);
    });
  return { port, lines, caughtUp, close: () => socket.close() };
}
