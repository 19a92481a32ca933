import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { newSigningKey, readSigningKey, signFile } from '../../build/minisign.ts';
import { busybox } from './images.ts';
import { root, TestCluster, TestNode, until } from './node.ts';

const cluster = new TestCluster('server');
const node = new TestNode('ship');
const signer = readSigningKey(newSigningKey());
let failed = false;
/** `SKIFF_POWER_CUTS=20` for a long look, `SKIFF_SEED` for another one. */
const powerCuts = Number(process.env['SKIFF_POWER_CUTS'] ?? 3);

/** Writes of the installer stay in the machine. */
const overlays = `set -e
for d in etc usr/local; do
  mkdir -p $1/over/$d/up $1/over/$d/work
  mount -t overlay -o lowerdir=/$d,upperdir=$1/over/$d/up,workdir=$1/over/$d/work overlay /$d
done
mkdir -p $1/own/lib $1/own/log
mount --bind $1/own/lib /var/lib
mount --bind $1/own/log /var/log`;
const inside = (script: string): ReturnType<TestNode['exec']> =>
  node.exec(['bash', '-c', script, 'story', node.disk], { timeoutMs: 300_000 });
const file = (name: string): string => join(node.disk, name);
const runs = (name: string): boolean => inside(`cmp /usr/local/bin/skiff ${file(name)}`).code === 0;

/** A folder as `npm run release` makes it, of one executable. */
function makeRelease(at: string, executable: string, version: string): void {
  mkdirSync(at, { recursive: true });
  const name = `skiff-${process.arch === 'x64' ? 'amd64' : 'arm64'}`;
  copyFileSync(executable, join(at, name));
  const sum = createHash('sha256').update(readFileSync(executable)).digest('hex');
  const sums = `${sum}  ${name}\n`;
  writeFileSync(join(at, 'sha256sums'), sums);
  writeFileSync(
    join(at, 'sha256sums.minisig'),
    signFile(signer, Buffer.from(sums), `skiff ${version}`),
  );
}

beforeAll(async () => {
  await cluster.up();
  await node.boot();
  const made = inside(
    `${overlays}; rm -rf /etc/skiff /usr/local/bin/skiff* /usr/local/bin/.skiff*`,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  for (const name of ['first', 'second', 'third']) {
    copyFileSync(join(root, 'dist/skiff'), file(name));
    if (name !== 'first') appendFileSync(file(name), name);
  }
  const wrapper = (name: string, text: string): void =>
    writeFileSync(file(name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  wrapper('dead', `[ "$1" = agent ] || exec ${file('first')} "$@"\nexit 1`);
  wrapper(
    'lame',
    `[ "$1" = agent ] || exec ${file('first')} "$@"\n` +
      `exec ${file('first')} "$@" --container-runtime-endpoint=/run/nobody.sock`,
  );
  // No word of a server reaches it, while it runs.
  wrapper(
    'deaf',
    `[ "$1" = agent ] || exec ${file('first')} "$@"
nft 'add table inet deaf; add chain inet deaf o { type filter hook output priority 0; }'
nft add rule inet deaf o ip daddr ${cluster.node.ip} tcp dport 6443 drop
${file('first')} "$@" & child=$!
trap 'kill -TERM $child' TERM
while kill -0 $child 2>/dev/null; do wait $child; done
nft delete table inet deaf`,
  );
  wrapper('hung', `[ "$1" = agent ] || exec ${file('first')} "$@"\nexec sleep 100000`);
  wrapper('newer', 'echo "skiff version v9.9.9 (0123456789ab)"; echo "kubernetes v1.37.0"');
  makeRelease(file('release/v0.1.0'), file('second'), 'v0.1.0');
  const images = join(node.disk, 'own/lib/skiff/agent/images');
  mkdirSync(images, { recursive: true });
  copyFileSync(busybox(), join(images, 'busybox.tar'));
  const done = inside(
    `export SKIFF_URL=${cluster.url} SKIFF_TOKEN=${cluster.token()}; ` +
      'export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_SKIP_PACKAGES=true ' +
      `INSTALL_SKIFF_BINARY=${file('first')}; sh ${root}/install.sh`,
  );
  if (done.code !== 0) throw new Error(done.stdout + done.stderr);
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  nodeName: ship
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: docker.io/library/busybox:test, command: [sleep, "100000"]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/one', '--timeout=120s');
}, 400_000);
afterAll(() => {
  node.destroy({ keepLogs: failed });
  cluster.down(failed);
});

describe('skiff upgrade on an agent', () => {
  const upgrade = (what: string, more = ''): ReturnType<TestNode['exec']> =>
    inside(`INSTALL_SKIFF_PUBLIC_KEY=${signer.publicLine} skiff upgrade ${what} ${more}`);

  it('takes a version of a release, checked, and waits until the node is Ready', async () => {
    onTestFailed(() => void (failed = true));
    const nobody = inside('skiff upgrade v0.1.0');
    expect(nobody.stderr).toMatch(/^skiff: nobody has said where releases are \(.*--mirror\)\n$/);
    const done = upgrade('v0.1.0', `--mirror ${file('release')}`);
    expect([done.stderr, done.stdout]).toEqual([
      '',
      expect.stringMatching(/v0\.1\.0 has come.*in the place of.*is good\n$/s),
    ]);
    expect(runs('second')).toBe(true);
    await until('the node is Ready', () => cluster.nodeIsReady('ship'));
    expect(inside('ls -A /usr/local/bin').stdout).not.toMatch(/release|before|new/);
  });

  it('refuses one that is newer than the servers, with one line', () => {
    onTestFailed(() => void (failed = true));
    expect(upgrade(file('newer')).stderr).toBe(
      'skiff: the servers speak Kubernetes 1.36, and an agent may not be newer ' +
        '(upgrade the servers first)\n',
    );
    expect(runs('second')).toBe(true);
  });

  it.each([
    ['does not start', 'dead', /it did not start/],
    ['hangs', 'hung', /it did not start/],
    ['never gets Ready', 'lame', /did not start|not Ready|nobody\.sock|not known yet/],
  ])('takes back one that %s, and no pod notices', async (_what, name, why) => {
    onTestFailed(() => void (failed = true));
    const before = pod();
    expect(before).toMatch(/^containerd:/);
    const done = upgrade(file(name), '--timeout 15');
    expect(done.stderr).toMatch(/was taken back, .* runs again: /);
    expect(done.stderr).toMatch(why);
    expect(runs('second')).toBe(true);
    await until('the agent runs again', () => inside('skiff wait-ready -- agent').code === 0);
    expect([pod(), running()]).toEqual([before, before]);
  });

  it('gives up one that reaches no server when the old one does', async () => {
    onTestFailed(() => void (failed = true));
    const before = pod();
    const done = upgrade(file('deaf'), '--timeout 20');
    const outcome = (): string => readFileSync(file('own/lib/skiff/upgrade/outcome'), 'utf8');
    expect(done.stderr).toMatch(/is put off, .* runs again: no server answers/);
    await until('it is taken back', () => outcome().includes('"returned"'), {
      timeoutMs: 120_000,
      seen: () => inside('tail -n 40 /var/log/skiff.log').stdout,
    });
    expect(outcome()).toContain('no server answers');
    expect(runs('second')).toBe(true);
    await until('the agent runs again', () => inside('skiff wait-ready -- agent').code === 0);
    expect([pod(), running()]).toEqual([before, before]);
    expect(inside('ls -A /usr/local/bin').stdout).not.toMatch(/again|new/);
  });

  it('puts one off while no server answers, and tries it again by itself', async () => {
    onTestFailed(() => void (failed = true));
    const before = pod();
    node.start(['skiff', 'upgrade', file('third'), '--timeout', '15'], 'server.log');
    const note = (name: string): string => file(`own/lib/skiff/upgrade/${name}`);
    await until('the new one is on trial', () => existsSync(note('trial')) && runs('third'));
    cluster.killServer('KILL');
    await until('it is put off', () => existsSync(note('later')), { timeoutMs: 120_000 });
    expect([runs('second'), running()]).toEqual([true, before]);
    cluster.startServer();
    await cluster.answers();
    const outcome = (): string =>
      existsSync(note('outcome')) ? readFileSync(note('outcome'), 'utf8') : '';
    await until('it is good', () => outcome().includes('"good"'), { timeoutMs: 120_000 });
    expect([runs('third'), running()]).toEqual([true, before]);
    expect(inside('ls -A /usr/local/bin').stdout).not.toMatch(/again|new/);
  });

  it('ends well when the power goes at any moment', { timeout: 1_200_000 }, async () => {
    onTestFailed(() => void (failed = true));
    let seed = Number(process.env['SKIFF_SEED'] ?? 1);
    for (let cut = 0; cut < powerCuts; cut++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      const [now, good] = runs('second') ? ['second', 'third'] : ['third', 'second'];
      // Every other one is no good: it never stays.
      const next = cut % 2 === 0 ? 'lame' : good;
      node.start(['skiff', 'upgrade', file(next), '--timeout', '15'], 'server.log');
      await new Promise((resolve) => setTimeout(resolve, seed % 8000));
      node.powerCut();
      await node.boot();
      expect(inside(overlays).stderr).toBe('');
      node.start(['sh', '/var/lib/skiff/skiff-supervise.sh'], 'server.log');
      await until(
        `the machine is well after cut ${cut}, ${seed % 8000} ms after the start`,
        () =>
          inside(
            'test ! -e /var/lib/skiff/upgrade/trial && test ! -e /var/lib/skiff/upgrade/later ' +
              '&& skiff wait-ready --timeout 30 -- agent',
          ).code === 0,
        { timeoutMs: 240_000, seen: () => inside('tail -n 40 /var/log/skiff.log').stdout },
      );
      expect(next === 'lame' ? [now] : [now, good]).toContain(
        ['second', 'third', 'lame'].find(runs),
      );
      await until('the pod runs', () => pod() !== '' && running() === pod());
    }
  });
});

/** As the cluster has it, and as the runtime does. */
const pod = (): string => cluster.field('pod one', '.status.containerStatuses[0].containerID');
const running = (): string => {
  const ctr = 'ctr -a /run/skiff/containerd/containerd.sock -n k8s.io';
  const of = `${ctr} containers ls | awk '/busybox/{print $1}'`;
  const alive = `${ctr} tasks ls | awk '$3=="RUNNING"{print $1}'`;
  const both = inside(`{ ${of}; ${alive}; } | sort | uniq -d`).stdout;
  return both === '' ? '' : `containerd://${both.trim()}`;
};
