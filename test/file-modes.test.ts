import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realDisk } from '../internal/io/disk.ts';
import { serveLocal } from '../internal/io/local-socket.ts';
import { openWriter } from '../internal/io/file-writer.ts';

const root = join(import.meta.dirname, '..');

/**
 * Everything that skiff makes and that others than root may look into, by file and name, and why.
 * All else is root's alone.
 */
const shown: Record<string, string> = {
  'internal/agent/containerd/supervise.ts makeDir 0o711':
    'rootless programs of containers pass through to their root file system; nobody lists',
  'internal/agent/pods/log-links.ts makeDir 0o755':
    '/var/log/containers: collectors that are not root find the names; the logs are ' +
    "containerd's, mode 640",
  'internal/agent/pods/start-container.ts makeDir 0o755': '/var/log/pods: as above',
  'internal/agent/volumes/atomic-writer.ts makeDir 0o755':
    'below a folder of mode 700: users in the container read the volume',
  'internal/agent/volumes/plugins/image.ts makeDir 0o755': 'as above',
  'internal/agent/volumes/plugins/payload.ts makeDir 0o755': 'as above',
  'internal/agent/volumes/plugins/empty-dir.ts makeDir 0o750': 'the group of a pod',
  'internal/agent/volumes/plugins/host-path.ts makeDir 0o755':
    'a hostPath of type DirectoryOrCreate, as the API says',
  'internal/agent/volumes/plugins/host-path.ts makeFile 0o644':
    'a hostPath of type FileOrCreate, as the API says',
  'internal/agent/volumes/volumes.ts makeDir 0o750': "a pod's folder: root and its group",
  'internal/agent/volumes/container-mounts.ts makeDir 0o750': "below the pod's folder",
  'internal/agent/volumes/container-mounts.ts makeFile 0o640':
    "a mount point below the pod's folder",
  'internal/agent/volumes/container-mounts.ts writeFile 0o666':
    "the file of a container's last words, below the pod's folder",
  'internal/agent/volumes/container-mounts.ts writeFile 0o644': '/etc/hosts of a container',
  'internal/agent/cgroups/hierarchy.ts makeDir 0o755': "the kernel's own mode of control groups",
  'internal/agent/gc/log-rotation.ts packFile 0o640': "a container's log, as containerd makes it",
  'internal/network/ingress/haproxy.ts makeDir 0o711':
    'HAProxy reaches its own sockets there as another user; the files in it are 600',
  'internal/network/overlay/cni.ts makeDir 0o755':
    "the folder of the network configuration may be the host's own",
  'internal/pki/authorities.ts makeDir 0o711':
    "the agent's folder holds what containers' programs pass through",
  'internal/pki/pair-files.ts writeAtomic 0o644': 'a certificate; its key is another file',
  'internal/pki/bootstrap.ts writeAtomic 0o644': 'a certificate; its key is another file',
  'internal/supervisor/airgap/build.ts makeDir 0o755':
    'what a bundle is packed of: programs and notices, in a work folder of mode 700',
  'internal/supervisor/airgap/build.ts writeAtomic 0o644': 'the manifest of a bundle, as above',
  'internal/supervisor/airgap/images.ts writeAtomic 0o644': 'a list of images, as above',
  'internal/supervisor/airgap/packages.ts makeDir 0o755':
    "apt's own folders in that work folder: apt asks for it",
  'internal/supervisor/airgap/load.ts makeDir 0o755': 'programs that all may read',
  'internal/supervisor/airgap/load.ts writeAtomic 0o755': 'as above',
  'internal/supervisor/capsule/load.ts makeDir 0o711':
    'the run folder, and the folder of the agent: as theirs are when they are made elsewhere',
  'internal/supervisor/capsule/load.ts makeDir 0o755':
    'the data folder, the folder of the configuration and that above the volumes',
  'internal/supervisor/credentials.ts makeDir 0o755':
    'the folder of the kubeconfig, whose mode the administrator chooses',
  'internal/supervisor/find-tool.ts makeDir 0o755':
    'the data folder and the one for what is unpacked, programs that all may read; the note ' +
    'in it is 600',
  'internal/supervisor/ledger.ts makeDir 0o755':
    "the data folder's parent; the ledger itself is 600",
  'internal/supervisor/migrate/migrate.ts makeDir 0o711':
    'the run folder holds sockets of mode 600',
  'internal/supervisor/migrate/migrate.ts makeDir 0o755':
    'folders of the configuration, which other files of other programs may be in; what is ' +
    'written there is 600',
  'internal/supervisor/reset.ts makeDir 0o711': 'the run folder holds sockets of mode 600',
  'internal/supervisor/node-process.ts makeDir 0o711': 'the run folder holds sockets of mode 600',
  'internal/supervisor/agent.ts makeDir 0o711':
    "the agent's folder holds what containers' programs pass through",
};

const calls =
  /\b(makeDir|writeAtomic|writeFile|makeFile|packFile|settleFile|mkdir|chmodSync)\((?:[^();]|\([^();]*\))*?\b(0o[0-7]{3,4})\b/g;

test('nobody but root looks into what skiff makes, unless this table says why', () => {
  const found = new Set<string>();
  for (const file of readdirSync(join(root, 'internal'), { recursive: true }) as string[]) {
    if (!file.endsWith('.ts') || /\.test\.ts$|generat|testing\/|^io\/|apiserver\/dev/.test(file))
      continue;
    const text = readFileSync(join(root, 'internal', file), 'utf8');
    for (const [, call, mode] of text.matchAll(calls))
      if ((Number(mode) & 0o077) !== 0) found.add(`internal/${file} ${call} ${mode}`);
  }
  expect([...found].sort()).toEqual(Object.keys(shown).sort());
});

test("what is made without a mode is its owner's alone", async () => {
  const dir = mkdtempSync(join(tmpdir(), 'modes-'));
  const at = (name: string): string => join(dir, name);
  const mode = (name: string): number => statSync(at(name)).mode & 0o777;
  const mask = process.umask(0);
  try {
    await realDisk.makeDir('test', at('a/b'));
    await realDisk.writeAtomic('test', at('file'), 'x');
    await realDisk.append('test', at('appended'), 'x');
    const writer = await openWriter('test', at('part'));
    const local = await serveLocal('test', at('socket'), () =>
      Promise.resolve({ status: 200, body: {} }),
    );
    expect({
      a: mode('a'),
      b: mode('a/b'),
      file: mode('file'),
      appended: mode('appended'),
      part: mode('part'),
      socket: mode('socket'),
    }).toEqual({ a: 0o700, b: 0o700, file: 0o600, appended: 0o600, part: 0o600, socket: 0o600 });
    await local.close();
    await writer.discard();
  } finally {
    process.umask(mask);
    rmSync(dir, { recursive: true, force: true });
  }
});
