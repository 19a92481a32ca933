import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSigningKey, readSigningKey, signFile } from '../../build/minisign.ts';
import { busybox } from './images.ts';
import { root, type TestNode } from './node.ts';

const signer = readSigningKey(newSigningKey());
const arch = process.arch === 'x64' ? 'amd64' : 'arm64';

/** Writes of the installer stay in the machine. */
export const overlays = `set -e
for d in etc usr/local; do
  mkdir -p $1/over/$d/up $1/over/$d/work
  mount -t overlay -o lowerdir=/$d,upperdir=$1/over/$d/up,workdir=$1/over/$d/work overlay /$d
done
mkdir -p $1/own/lib $1/own/log
mount --bind $1/own/lib /var/lib
mount --bind $1/own/log /var/log`;
/** Runs a script in the machine; `$1` is its disk. */
export const inside = (node: TestNode, script: string): ReturnType<TestNode['exec']> =>
  node.exec(['bash', '-c', script, 'story', node.disk], { timeoutMs: 300_000 });

/** A folder as `npm run release` makes it, of one executable. */
function makeRelease(at: string, bytes: Uint8Array, version: string): void {
  const folder = join(at, version);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `skiff-${arch}`), bytes, { mode: 0o755 });
  const sums = `${createHash('sha256').update(bytes).digest('hex')}  skiff-${arch}\n`;
  writeFileSync(join(folder, 'sha256sums'), sums);
  const signature = signFile(signer, Buffer.from(sums), `skiff ${version}`);
  writeFileSync(join(folder, 'sha256sums.minisig'), signature);
}

/** The same program, which says that it is another version. */
function as(version: string): Buffer {
  const bytes = readFileSync(join(root, 'dist/skiff'));
  const at = bytes.indexOf('"version":"0.1.0"');
  bytes.write(`"version":"${version}"`, at);
  return bytes;
}

/**
 * A machine on which install.sh has installed the first version, with the releases that may follow:
 * v0.1.1, 3 and 4 are the same program, v0.1.2 does not start.
 */
export async function install(node: TestNode, words: string): Promise<void> {
  await node.boot();
  const made = inside(
    node,
    `${overlays}; rm -rf /etc/skiff /usr/local/bin/skiff* /usr/local/bin/.skiff*`,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  copyFileSync(join(root, 'dist/skiff'), join(node.disk, 'first'));
  const images = join(node.disk, 'own/lib/skiff/agent/images');
  mkdirSync(images, { recursive: true });
  copyFileSync(busybox(), join(images, 'busybox.tar'));
  const releases = join(node.disk, 'releases');
  makeRelease(releases, as('0.1.1'), 'v0.1.1');
  for (const version of ['0.1.3', '0.1.4']) makeRelease(releases, as(version), `v${version}`);
  const dead =
    '#!/bin/sh\n[ "$1" = version ] || exit 1\n' +
    'echo "skiff version v0.1.2 (0123456789ab)"; echo "kubernetes v1.36.3"\n';
  makeRelease(releases, Buffer.from(dead), 'v0.1.2');
  const done = inside(
    node,
    'export INSTALL_SKIFF_SKIP_BUILD=true INSTALL_SKIFF_SKIP_PACKAGES=true ' +
      `INSTALL_SKIFF_BINARY=${node.disk}/first; sh ${root}/install.sh ${words}; ` +
      `printf %s ${releases} >/etc/skiff/install.mirror; ` +
      `printf %s '${signer.publicLine}' >/etc/skiff/install.key`,
  );
  if (done.code !== 0 || !done.stdout.includes('done')) throw new Error(done.stdout + done.stderr);
}
