import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { root, TestNode, until } from './node.ts';

const node = new TestNode('ship');
let failed = false;
/** `SKIFF_POWER_CUTS=20` for a long look, `SKIFF_SEED` for another one. */
const powerCuts = Number(process.env['SKIFF_POWER_CUTS'] ?? 3);

/** Writes of the installer stay in the machine, and outlive it. */
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
const version = (name: string): string => join(node.disk, name);
const runs = (name: string): boolean =>
  inside(`cmp /usr/local/bin/skiff ${version(name)}`).code === 0;
const pod = (): string =>
  inside('skiff kubectl get pod one -o jsonpath={.status.containerStatuses[0].containerID}').stdout;

beforeAll(async () => {
  await node.boot();
  const made = inside(
    `${overlays}; rm -rf /etc/skiff /usr/local/bin/skiff* /usr/local/bin/.skiff*`,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  copyFileSync(join(root, 'dist/skiff'), version('first'));
  for (const name of ['second', 'third']) {
    copyFileSync(join(root, 'dist/skiff'), version(name));
    appendFileSync(version(name), name);
  }
  const wrapper = (name: string, more: string): void =>
    writeFileSync(
      version(name),
      `#!/bin/sh\n[ "$1" = server ] || exec ${version('first')} "$@"\n${more}\n`,
      { mode: 0o755 },
    );
  wrapper('dead', 'echo "it does not start" >&2; exit 1');
  wrapper('lame', `exec ${version('first')} "$@" --container-runtime-endpoint=/run/nobody.sock`);
  const images = join(node.disk, 'own/lib/skiff/agent/images');
  mkdirSync(images, { recursive: true });
  copyFileSync(busybox(), join(images, 'busybox.tar'));
  const done = inside(
    `export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_SKIP_PACKAGES=true ` +
      `INSTALL_SKIFF_BINARY=${version('first')}; sh ${root}/install.sh server`,
  );
  if (done.code !== 0) throw new Error(done.stdout + done.stderr);
  inside(
    'until skiff kubectl get sa default; do sleep 0.2; done; skiff kubectl run one ' +
      '--image=docker.io/library/busybox:test --command -- sleep 100000; ' +
      'skiff kubectl wait --for=condition=Ready pod/one --timeout=120s',
  );
}, 400_000);
afterAll(() => node.destroy({ keepLogs: failed }));

describe('skiff upgrade', () => {
  it('puts a good version in the place of the old one, and no pod notices', () => {
    onTestFailed(() => void (failed = true));
    const before = pod();
    expect(before).toMatch(/^containerd:/);
    const done = inside(`skiff upgrade ${version('second')}`);
    expect(`${done.stdout}${done.stderr}`).toMatch(/snapshot .*before-.*is good\n$/s);
    expect([runs('second'), pod()]).toEqual([true, before]);
    // The one of before is gone with its last name.
    expect(inside('stat -c %h /usr/local/bin/skiff').stdout).toBe('2\n');
    expect(inside('ls /var/lib/skiff/upgrade').stdout).toBe('outcome\n');
  });

  it.each([
    ['does not start', 'dead', /did not start/],
    ['never gets Ready', 'lame', /did not start: .*nobody\.sock|is not Ready|in time/],
  ])('takes back a version that %s, and loses nothing', (_what, name, why) => {
    onTestFailed(() => void (failed = true));
    const before = pod();
    inside(`skiff kubectl create configmap written-before-${name}`);
    const done = inside(`skiff upgrade ${version(name)} --timeout 20`);
    expect(done.stderr).toMatch(/was taken back, .* runs again/);
    expect(done.stderr).toMatch(why);
    expect(done.code).toBe(1);
    expect(inside('skiff wait-ready').code).toBe(0);
    expect([runs('second'), pod()]).toEqual([true, before]);
    expect(inside(`skiff kubectl get configmap written-before-${name}`).code).toBe(0);
  });

  it('ends well when the power goes at any moment', { timeout: 1_200_000 }, async () => {
    onTestFailed(() => void (failed = true));
    let seed = Number(process.env['SKIFF_SEED'] ?? 1);
    for (let cut = 0; cut < powerCuts; cut++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      const [now, next] = runs('second') ? ['second', 'third'] : ['third', 'second'];
      expect(inside(`skiff kubectl create configmap cut-${cut}`).code).toBe(0);
      node.start(['skiff', 'upgrade', version(next)], 'server.log');
      await new Promise((resolve) => setTimeout(resolve, seed % 8000));
      node.powerCut();
      await node.boot();
      expect(inside(overlays).stderr).toBe('');
      node.start(['sh', '/var/lib/skiff/skiff-supervise.sh'], 'server.log');
      await until(
        `the machine is well after cut ${cut}, ${seed % 8000} ms after the start`,
        () =>
          inside('skiff wait-ready --timeout 60 && test ! -e /var/lib/skiff/upgrade/trial').code ===
          0,
        { timeoutMs: 240_000, seen: () => inside('tail -n 40 /var/log/skiff.log').stdout },
      );
      expect([now, next].some(runs)).toBe(true);
      const kept = inside('skiff kubectl get configmap -o name | grep -c cut-').stdout;
      expect(kept).toBe(`${cut + 1}\n`);
    }
  });

  it('leaves nothing behind', () => {
    onTestFailed(() => void (failed = true));
    expect(inside('skiff-uninstall.sh').stdout).toContain('nothing of skiff is left');
    expect(inside('ls -A /usr/local/bin | grep skiff; ls /var/lib').stdout).toBe('');
  });
});
