import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { root, TestNode, until } from './node.ts';

const node = new TestNode('boat');
let failed = false;

/** Writes of the installer stay in the node: /etc and /usr/local are overlaid, /var/lib and /var/log are the node's own. */
const overlays = `set -e
for d in etc usr/local; do
  mkdir -p $1/over/$d/up $1/over/$d/work
  mount -t overlay -o lowerdir=/$d,upperdir=$1/over/$d/up,workdir=$1/over/$d/work overlay /$d
done
rm -rf /etc/skiff
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
echo processes; ps -eo comm | grep -v -e '^ps$' -e '^bash$' -e '^sort$' -e '^COMMAND$' -e '^sleep$' | sort
echo sysctls; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/route_localnet`;

/** What other software on the machine has, under names like ours: it must stay. */
const strangers = `set -e
ip netns add cni-somebody
mkdir -p /run/skiff-other /run/containerd/somebody
mount -t tmpfs tmpfs /run/skiff-other
mkdir -p /var/lib/cni/results
echo '{"containerId":"somebody","netns":"/var/run/netns/cni-somebody"}' > /var/lib/cni/results/other-somebody-eth0
setsid bash -c 'exec -a containerd-shim-runc-v2 busybox sh -c "while :; do sleep 1; done" -address /run/skiff-other/containerd.sock' </dev/null >/dev/null 2>&1 &`;

const inside = (script: string, ...args: string[]) => node.exec(['bash', '-c', script, 'story', ...args], { timeoutMs: 240_000 });
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

describe('install.sh', () => {
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
    writeFileSync(join(node.disk, 'pod.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec:\n  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "1000"]}]\n');
    expect(inside(`skiff kubectl apply -f ${node.disk}/pod.yaml`).stderr).toBe('');
    await until('the pod runs', () => inside('skiff kubectl get pod one -o jsonpath={.status.phase}').stdout === 'Running', { seen: () => inside('skiff kubectl describe pod one').stdout });
    expect(inside('skiff kubectl get nodes -l story=install -o name').stdout).toBe('node/boat\n');
    expect(inside('skiff ctr containers ls -q').stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2);
  });

  it('changes nothing when it is run again', () => {
    onTestFailed(() => void (failed = true));
    const pid = inside('cat /run/skiff/skiff.pid').stdout;
    const again = inside(`${env} cd ${root} && sh ./install.sh`);
    expect(again.stdout).toContain('nothing changed');
    expect(inside('cat /run/skiff/skiff.pid').stdout).toBe(pid);
  });

  it('is started again when it dies, and its pod goes on', async () => {
    onTestFailed(() => void (failed = true));
    const pid = inside('cat /run/skiff/skiff.pid').stdout.trim();
    const started = inside('skiff kubectl get pod one -o jsonpath={.status.containerStatuses[0].state.running.startedAt}').stdout;
    inside(`kill -9 ${pid}`);
    await until('another process serves', () => inside('cat /run/skiff/skiff.pid').stdout.trim() !== pid && inside('skiff kubectl get --raw /readyz').stdout === 'ok');
    expect(inside('skiff kubectl get pod one -o jsonpath={.status.containerStatuses[0].state.running.startedAt}').stdout).toBe(started);
  });

  it('leaves nothing behind', () => {
    onTestFailed(() => void (failed = true));
    const done = inside('skiff-uninstall.sh');
    expect(`${done.stdout}${done.stderr}`).toContain('nothing of skiff is left');
    expect(done.code).toBe(0);
    expect(inside(traces).stdout).toBe(before);
    expect(inside('ip netns exec cni-somebody true').code).toBe(0);
  });
});
