import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { root, TestNode, until } from './node.ts';

const node = new TestNode('boat');
let failed = false;

/**
 * Writes of the installer stay in the node: /etc and /usr/local are overlaid, /var/lib and /var/log
 * are the node's own.
 */
const overlays = `set -e
for d in etc usr/local; do
  mkdir -p $1/over/$d/up $1/over/$d/work
  mount -t overlay -o lowerdir=/$d,upperdir=$1/over/$d/up,workdir=$1/over/$d/work overlay /$d
done
rm -rf /etc/skiff /usr/local/bin/skiff* /usr/local/bin/.skiff*
find /usr/local/bin -lname skiff -delete -o -lname "*/skiff" -delete
mkdir -p $1/own/lib $1/own/log
mount --bind $1/own/lib /var/lib
mount --bind $1/own/log /var/log`;

/** Everything a node could leave behind, as text that can be compared. */
const traces = `
find /etc /usr/local /var/lib /var/log /run -xdev | grep -v -e '^/run/lock' | sort
echo links; ip -o link | sed 's/^[0-9]*: //; s/@.*//' | sort
echo addresses; ip -o address | awk '{print $2, $4}' | grep -v fe80 | sort
echo routes; ip route | sort
echo rules; nft list tables
echo mounts; awk '{print $5}' /proc/self/mountinfo | grep -E '^/(var|etc|usr)/|^/run/(skiff|netns)' | grep -v /run/netns/skiff-e2e | sort
echo cgroups; find /sys/fs/cgroup -type d | sort
echo processes; ps -eo comm | grep -v -e '^ps$' -e '^bash$' -e '^sort$' -e '^grep$' -e '^COMMAND$' -e '^sleep$' | sort
echo sysctls; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/route_localnet`;

/** What other software on the machine has, under names like ours: it must stay. */
const strangers = `set -e
ip netns add cni-somebody
mkdir -p /run/skiff-other /run/containerd/somebody
mount -t tmpfs tmpfs /run/skiff-other
mkdir -p /var/lib/cni/results
echo '{"containerId":"somebody","netns":"/var/run/netns/cni-somebody"}' > /var/lib/cni/results/other-somebody-eth0
setsid bash -c 'exec -a containerd-shim-runc-v2 busybox sh -c "while :; do sleep 1; done" -address /run/skiff-other/containerd.sock' </dev/null >/dev/null 2>&1 &`;

const inside = (script: string, ...args: string[]) =>
  node.exec(['bash', '-c', script, 'story', ...args], { timeoutMs: 240_000 });
const env = 'export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_SKIP_PACKAGES=true; ';
let before = '';

beforeAll(async () => {
  await node.boot();
  const made = inside(overlays, node.disk);
  if (made.code !== 0) throw new Error(made.stderr);
  expect(inside(strangers).code).toBe(0);
  before = inside(traces).stdout;
});
afterAll(() => node.destroy({ keepLogs: failed }));

/** Holds a port, so that a server cannot have it. */
const holder = (port: number): string =>
  `rm -f /run/held; setsid ${process.execPath} -e ` +
  `'require("net").createServer().listen(${port}, "0.0.0.0", () => ` +
  `require("fs").writeFileSync("/run/held", ""))' </dev/null >/dev/null 2>&1 & echo $! ` +
  '>/run/holder; for i in $(seq 100); do [ -e /run/held ] && break; sleep 0.1; done';
const release = 'kill $(cat /run/holder); rm -f /run/holder /run/held';
const install = (words = '', more = ''): ReturnType<typeof inside> & { all: string } => {
  const done = inside(`${env} ${more} cd ${root} && sh ./install.sh ${words}`);
  return { ...done, all: `${done.stdout}${done.stderr}` };
};
const pidOf = (): string => inside('cat /run/skiff/skiff.pid').stdout.trim();

describe('install.sh', () => {
  it('brings etcd-server for a server with an etcd of its own, and touches nothing before', () => {
    onTestFailed(() => void (failed = true));
    // A machine without etcd, whose distribution only notes what it is asked for.
    const script = `
      mkdir /run/path && ln -s /usr/sbin/* /usr/bin/* /run/path/ 2>/dev/null
      rm -f /run/path/etcd /run/path/apt-get
      printf '#!/bin/sh\\nexit 1\\n' >/run/path/apt-get && chmod +x /run/path/apt-get
      export INSTALL_SKIFF_SKIP_BUILD=true PATH=/run/path
      cd ${root} && sh ./install.sh server --cluster-init; rm -rf /run/path`;
    expect(inside(script).stdout).toContain('installing from the distribution: etcd-server\n');
    expect(inside(traces).stdout).toBe(before);
  });

  it('installs a server without a node, and waits for that', () => {
    onTestFailed(() => void (failed = true));
    const done = install('server --disable-agent');
    expect(done.all).toContain('there is no node beside this server');
    expect(done.code).toBe(0);
  });

  it('says what to do next in words that work as they stand', () => {
    onTestFailed(() => void (failed = true));
    const next = /Next:\n {4}(.*)\n/.exec(install('', 'export SUDO_USER=; ').stdout)?.[1] ?? '';
    expect(next).toBe('skiff kubectl get nodes');
    expect(inside(next)).toMatchObject({ code: 0, stderr: 'No resources found\n' });
    for (const link of ['kubectl', 'ctr', 'crictl'])
      expect(
        inside(`test ! -L /usr/local/bin/${link} || ${link} --version || ${link} version --client`)
          .code,
        link,
      ).toBe(0);
  });

  it('installs, starts and waits until the node is Ready', () => {
    onTestFailed(() => void (failed = true));
    const done = inside(`${env} cd ${root} && sh ./install.sh server --node-label story=install`);
    expect(`${done.stdout}${done.stderr}`).toContain('is Ready');
    expect(done.code).toBe(0);
  });

  it('is a cluster that runs a pod', async () => {
    onTestFailed(() => void (failed = true));
    const images = join(node.disk, 'own/lib/skiff/agent/images');
    mkdirSync(images, { recursive: true });
    copyFileSync(busybox(), join(images, 'busybox.tar'));
    writeFileSync(
      join(node.disk, 'pod.yaml'),
      'apiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec:\n  containers: [{name: c, ' +
        'image: "docker.io/library/busybox:test", command: [sleep, "1000"]}]\n',
    );
    expect(inside(`skiff kubectl apply -f ${node.disk}/pod.yaml`).stderr).toBe('');
    await until(
      'the pod runs',
      () => inside('skiff kubectl get pod one -o jsonpath={.status.phase}').stdout === 'Running',
      { seen: () => inside('skiff kubectl describe pod one').stdout },
    );
    expect(inside('skiff kubectl get nodes -l story=install -o name').stdout).toBe('node/boat\n');
    expect(
      inside('skiff ctr containers ls -q').stdout.trim().split('\n').length,
    ).toBeGreaterThanOrEqual(2);
  });

  it('changes nothing when it is run again', () => {
    onTestFailed(() => void (failed = true));
    const pid = inside('cat /run/skiff/skiff.pid').stdout;
    const done = inside(`${env} cd ${root} && sh ./install.sh && times`);
    expect(done.stdout).toContain('nothing changed');
    expect(inside('cat /run/skiff/skiff.pid').stdout).toBe(pid);
    // A build takes 13 s of the processor, and a start 1 s.
    const ofChildren = done.stdout.trimEnd().split('\n').at(-1) ?? '';
    const used = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)];
    expect(used).toHaveLength(2);
    expect(used.reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0)).toBeLessThan(1.5);
  });

  it.each([
    ['server --disable-agnt', '', /unknown flag --disable-agnt \(did you mean --disable-agent\?\)/],
    [
      '',
      'export SKIFF_URL=https://192.0.2.1:6443 SKIFF_TOKEN=x; ',
      /holds the state of a cluster of its own.*leave out --server \(and SKIFF_URL\)/,
    ],
    [
      'server --cluster-cidr 10.43.0.0/20',
      '',
      /--cluster-cidr 10\.43\.0\.0\/20 and --service-cidr 10\.43\.0\.0\/16 share addresses/,
    ],
    [
      'agent',
      'export SKIFF_URL=https://192.0.2.1:6443 SKIFF_TOKEN=x; ',
      /skiff server is installed on this machine/,
    ],
  ])('touches nothing when it is told what cannot be: %s %s', (words, variables, expected) => {
    onTestFailed(() => void (failed = true));
    const pid = pidOf();
    const wrong = install(words, variables);
    expect(wrong.code).toBe(1);
    expect(wrong.all).toMatch(expected);
    expect(pidOf()).toBe(pid);
    expect(install().stdout).toContain('nothing changed');
  });

  it('puts back what worked when the new configuration does not', () => {
    onTestFailed(() => void (failed = true));
    inside(holder(7443));
    const started = performance.now();
    const wrong = install('server --https-listen-port 7443');
    inside(release);
    expect(wrong.all).toMatch(/the server does not stay up: .*EADDRINUSE.*7443/);
    expect(wrong.all).toContain('was taken back; skiff runs as before');
    expect(wrong.code).toBe(1);
    // Not the 180 s that it would wait for a server that is only slow.
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(inside('skiff kubectl get nodes -l story=install -o name').stdout).toBe('node/boat\n');
    expect(install().stdout).toContain('nothing changed');
  });

  it('puts back the executable that worked when the new one does not', () => {
    onTestFailed(() => void (failed = true));
    const broken = join(node.disk, 'broken');
    writeFileSync(
      broken,
      '#!/bin/sh\n[ "$1" = check-config ] || { echo "broken" >&2; exit 1; }\n',
      { mode: 0o755 },
    );
    const wrong = install('', `export INSTALL_SKIFF_BINARY=${broken}; `);
    expect(wrong.all).toContain('was taken back; skiff runs as before');
    expect(wrong.code).toBe(1);
    expect(inside(`cmp /usr/local/bin/skiff ${root}/dist/skiff`).code).toBe(0);
    expect(inside('skiff kubectl get nodes -l story=install -o name').stdout).toBe('node/boat\n');
  });

  it('does not believe what a server of before has stored', async () => {
    onTestFailed(() => void (failed = true));
    expect(inside('skiff wait-ready --timeout 20').stdout).toContain('node boat is Ready');
    // The API comes up, and even the node; one part does not.
    const manifests = '/var/lib/skiff/agent/pod-manifests';
    inside(
      'kill -9 $(cat /run/skiff/supervise.pid) $(cat /run/skiff/skiff.pid); sleep 0.3; mv ' +
        `${manifests} ${manifests}.kept; touch ${manifests}`,
    );
    inside('setsid sh /var/lib/skiff/skiff-supervise.sh </dev/null >>/var/log/skiff.log 2>&1 &');
    const wait = inside('skiff wait-ready --timeout 40');
    inside(`rm ${manifests}; mv ${manifests}.kept ${manifests}`);
    expect(wait.stdout).not.toContain('is Ready');
    expect(wait.stderr).toMatch(/^skiff: the server does not stay up: .*manifests/);
    expect(wait.code).toBe(1);
    await until('it is ready again', () => inside('skiff wait-ready --timeout 30').code === 0);
  });

  it('is started again when it dies, and its pod goes on', async () => {
    onTestFailed(() => void (failed = true));
    const pid = inside('cat /run/skiff/skiff.pid').stdout.trim();
    const started = inside(
      'skiff kubectl get pod one -o ' +
        'jsonpath={.status.containerStatuses[0].state.running.startedAt}',
    ).stdout;
    inside(`kill -9 ${pid}`);
    await until(
      'another process serves',
      () =>
        inside('cat /run/skiff/skiff.pid').stdout.trim() !== pid &&
        inside('skiff kubectl get --raw /readyz').stdout === 'ok',
    );
    expect(
      inside(
        'skiff kubectl get pod one -o ' +
          'jsonpath={.status.containerStatuses[0].state.running.startedAt}',
      ).stdout,
    ).toBe(started);
  });

  it('is stopped with its pods, and says so', () => {
    onTestFailed(() => void (failed = true));
    expect(inside('skiff-killall.sh')).toMatchObject({
      code: 0,
      stdout: 'skiff is stopped; 1 pod ended; data stays in /var/lib/skiff\n',
    });
    expect(inside('skiff-killall.sh').stdout).toBe(
      'skiff did not run; 0 pods ended; data stays in /var/lib/skiff\n',
    );
  });

  it('leaves nothing behind', () => {
    onTestFailed(() => void (failed = true));
    const done = inside('skiff-uninstall.sh');
    expect(`${done.stdout}${done.stderr}`).toContain('nothing of skiff is left');
    expect(done.code).toBe(0);
    expect(inside(traces).stdout).toBe(before);
    expect(inside('ip netns exec cni-somebody true').code).toBe(0);
  });

  it('leaves nothing behind where others used the folder of namespaces that it had made', () => {
    onTestFailed(() => void (failed = true));
    inside('ip netns delete cni-somebody; umount -l /run/netns; rmdir /run/netns');
    const clean = inside(traces).stdout;
    expect(install().code).toBe(0);
    // iproute2 mounts the folder on itself, and leaves it so.
    expect(
      inside('ip netns add guest && ip netns delete guest && mountpoint /run/netns').code,
    ).toBe(0);
    const done = inside('skiff-uninstall.sh');
    expect(`${done.stdout}${done.stderr}`).toContain('nothing of skiff is left');
    expect(done.code).toBe(0);
    expect(inside(traces).stdout).toBe(clean);
  });
});
