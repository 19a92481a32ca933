import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { newSigningKey, readSigningKey, signFile } from '../../build/minisign.ts';
import { root, TestCluster, TestNode, until } from './node.ts';

const cluster = new TestCluster('server');
const node = new TestNode('ship');
const signer = readSigningKey(newSigningKey());
let failed = false;

/** Writes of the installer stay in the machine. */
const overlays = `set -e
for d in etc usr/local; do
  mkdir -p $1/over/$d/up $1/over/$d/work
  mount -t overlay -o lowerdir=/$d,upperdir=$1/over/$d/up,workdir=$1/over/$d/work overlay /$d
done
mkdir -p $1/own/lib $1/own/log
mount --bind $1/own/lib /var/lib
mount --bind $1/own/log /var/log
rm -rf /etc/skiff /usr/local/bin/skiff* /usr/local/bin/.skiff*`;
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
  const made = inside(overlays);
  if (made.code !== 0) throw new Error(made.stderr);
  for (const name of ['first', 'second']) copyFileSync(join(root, 'dist/skiff'), file(name));
  appendFileSync(file('second'), 'second');
  const wrapper = (name: string, text: string): void =>
    writeFileSync(file(name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  wrapper('dead', `[ "$1" = agent ] || exec ${file('first')} "$@"\nexit 1`);
  wrapper('newer', 'echo "skiff version v9.9.9 (0123456789ab)"; echo "kubernetes v1.37.0"');
  makeRelease(file('release/v0.1.0'), file('second'), 'v0.1.0');
  const done = inside(
    `export SKIFF_URL=${cluster.url} SKIFF_TOKEN=${cluster.token()}; ` +
      'export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_SKIP_PACKAGES=true ' +
      `INSTALL_SKIFF_BINARY=${file('first')}; sh ${root}/install.sh`,
  );
  if (done.code !== 0) throw new Error(done.stdout + done.stderr);
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

  it('puts the old one back when the new one does not start', async () => {
    onTestFailed(() => void (failed = true));
    const done = upgrade(file('dead'), '--timeout 15');
    expect(done.stderr).toMatch(/was taken back, .* runs again: it did not start\n$/);
    expect(runs('second')).toBe(true);
    await until('the agent runs again', () => inside('skiff wait-ready -- agent').code === 0);
  });
});
