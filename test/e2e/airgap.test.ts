import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { ok, root, runBeside, TestNode, until } from './node.ts';

const node = new TestNode('island');
const dir = mkdtempSync(join(tmpdir(), 'airgap-'));
const skiff = join(root, 'dist/skiff');
const arch = process.arch === 'x64' ? 'amd64' : 'arm64';
const bundle = join(dir, `skiff-airgap-${arch}.tar.zst`);
let failed = false;

/** What a bare machine lacks is taken out of this one's view: programs and their libraries. */
const bare = `set -e
mkdir -p $1/over/up $1/over/work $1/own/lib $1/own/log $1/etc/up $1/etc/work
mount -t overlay -o lowerdir=/usr,upperdir=$1/over/up,workdir=$1/over/work overlay /usr
mount -t overlay -o lowerdir=/etc,upperdir=$1/etc/up,workdir=$1/etc/work overlay /etc
rm -rf /etc/skiff /usr/local/bin/* /usr/lib/cni /usr/libexec/cni
for p in containerd containerd-shim containerd-shim-runc-v1 containerd-shim-runc-v2 ctr runc crun nft conntrack ip kubectl zstd skopeo haproxy wg; do
  for d in /usr/bin /usr/sbin /usr/local/bin; do rm -f $d/$p; done
done
rm -f /usr/lib/*-linux-gnu/lib{seccomp,lua5.3,nftables,nftnl,mnl,jansson,netfilter_conntrack,nfnetlink,xtables,bpf}.so*
mount --bind $1/own/lib /var/lib
mount --bind $1/own/log /var/log`;
const inside = (script: string): ReturnType<TestNode['exec']> =>
  node.exec(['bash', '-c', script, 'story', node.disk], { timeoutMs: 300_000 });

/** A registry with one image, by plain HTTP. */
async function withRegistry(work: (address: string) => Promise<void>): Promise<void> {
  const layout = join(dir, 'layout');
  mkdirSync(layout);
  ok(['tar', '-xf', busybox(), '-C', layout]);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; mediaType: string }[];
  };
  const { digest = '', mediaType = '' } = index.manifests[0] ?? {};
  const server = createServer((request, response) => {
    const [, kind, what = ''] = /\/(manifests|blobs)\/([\w.:]+)$/.exec(request.url ?? '') ?? [];
    const wanted = kind === 'manifests' && !what.startsWith('sha256:') ? digest : what;
    if (kind === undefined) return void response.writeHead(200).end();
    const type = wanted === digest ? mediaType : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'docker-content-digest': wanted });
    response.end(readFileSync(join(layout, 'blobs/sha256', wanted.slice(7))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  // skopeo looks below the home folder.
  mkdirSync(join(dir, '.config/containers'), { recursive: true });
  writeFileSync(
    join(dir, '.config/containers/registries.conf'),
    `[[registry]]\nlocation = "${address}"\ninsecure = true\n`,
  );
  await work(address).finally(() => server.close());
}
let image = '';

beforeAll(async () => {
  await withRegistry(async (address) => {
    image = `${address}/team/busybox:test`;
    writeFileSync(join(dir, 'list'), `# what the factory runs\n${image}\n`);
    const words = ['airgap', 'build', '--images', join(dir, 'list'), '--output', bundle];
    const home = ['env', `HOME=${dir}`];
    const built = await runBeside([...home, skiff, ...words], { timeoutMs: 600_000 });
    expect(built.stderr).toBe('');
    expect(built.stdout).toMatch(/packages of Debian.*, 1 images/);
  });
  copyFileSync(skiff, join(dir, 'skiff'));
  copyFileSync(join(root, 'install.sh'), join(dir, 'install.sh'));
  await node.boot();
  const made = inside(bare);
  if (made.code !== 0) throw new Error(made.stderr);
}, 900_000);
afterAll(() => {
  node.destroy({ keepLogs: failed });
  rmSync(dir, { recursive: true });
});

const install = (): ReturnType<TestNode['exec']> =>
  inside(
    `export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_BINARY=${dir}/skiff; ` +
      `sh ${dir}/install.sh server`,
  );

describe('a machine without a network', () => {
  it('lacks what a node needs', () => {
    expect(inside('skiff check-config; command -v containerd runc nft').stdout).toBe('');
    // From outside: its own program for links is gone.
    ok(['nsenter', '-t', String(node.pid), '-n', 'ip', 'link', 'del', 'eth0']);
  });

  it('refuses a bundle that was damaged on its way', () => {
    onTestFailed(() => void (failed = true));
    const bytes = readFileSync(bundle);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(join(dir, 'bent'), bytes);
    const done = inside(`${dir}/skiff airgap load ${dir}/bent; ls /var/lib/skiff/airgap*`);
    expect(done.stderr).toMatch(/^skiff: /);
    expect(done.stdout).toBe('');
  });

  it('becomes a node by a bundle, without a route, an address or a package', () => {
    onTestFailed(() => void (failed = true));
    const done = install();
    expect(`${done.stdout}${done.stderr}`).toContain('is Ready');
    expect(done.code).toBe(0);
    expect(inside('readlink /proc/$(pidof containerd)/exe').stdout).toBe(
      '/var/lib/skiff/airgap/bin/containerd\n',
    );
    const bin = '/var/lib/skiff/airgap/bin';
    expect(inside(`${bin}/haproxy -v; ${bin}/wg --version`).stdout).toMatch(
      /^HAProxy version .*\nwireguard-tools v/s,
    );
  });

  const running = async (name: string): Promise<void> => {
    inside(`skiff kubectl run ${name} --image=${image} --restart=Never --command -- sleep 1000`);
    await until(
      'the pod runs',
      () =>
        inside(`skiff kubectl get pod ${name} -o jsonpath={.status.phase}`).stdout === 'Running',
      { seen: () => inside(`skiff kubectl describe pod ${name}`).stdout },
    );
  };

  it('runs an image of the bundle', async () => {
    onTestFailed(() => void (failed = true));
    await running('one');
  });

  it('brings an image back that somebody removed', async () => {
    onTestFailed(() => void (failed = true));
    inside('skiff kubectl delete pod one --now');
    const removed = inside(`skiff ctr images rm ${image} $(skiff ctr images ls -q | grep ^sha256)`);
    expect(removed.stdout).toContain(image);
    await running('two');
  });

  it('is left as it was', () => {
    onTestFailed(() => void (failed = true));
    const done = inside('skiff-uninstall.sh');
    expect(`${done.stdout}${done.stderr}`).toContain('nothing of skiff is left');
    expect(inside('ls /var/lib').stdout).toBe('');
  });
});
