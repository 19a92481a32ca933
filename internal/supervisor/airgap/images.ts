import { join } from 'node:path';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { wholeName } from '../../agent/images/image-name.ts';
import type { Disk } from '../../io/disk.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import type { Arch } from './contents.ts';

const op = 'airgap.images';
const pullTimeoutMs = 3_600_000;

interface Index {
  manifests: { digest: string; annotations?: Record<string, string> }[];
  [more: string]: unknown;
}

/** Full names of images, one a line; empty lines and comments do not count. */
export function imageNames(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      try {
        return wholeName(line);
      } catch (cause) {
        throw new ConfigError(`--images: ${messageOf(cause)}`, { op, cause });
      }
    });
}

/**
 * Brings images of an architecture, by skopeo, into one archive: an OCI layout in which equal
 * layers lie once, with the names that containerd gives them.
 */
export async function archiveImages(options: {
  names: string[];
  arch: Arch;
  work: string;
  archive: string;
  disk: Disk;
  spawn: Spawn;
  say(text: string): void;
}): Promise<void> {
  const { names, arch, work, archive, disk, spawn, say } = options;
  const layout = join(work, 'images');
  for (const name of names) {
    say(`image ${name}`);
    await runOk(
      spawn,
      op,
      [
        'skopeo',
        '--override-os=linux',
        `--override-arch=${arch}`,
        'copy',
        '--quiet',
        `docker://${name}`,
        `oci:${layout}:${name}`,
      ],
      { timeoutMs: pullTimeoutMs },
    ).catch((cause: unknown) => {
      throw new ConfigError(`the image ${name} could not be had: ${messageOf(cause)}`, {
        op,
        cause,
        hint: 'skopeo brings them: apt-get install skopeo',
      });
    });
  }
  const path = join(layout, 'index.json');
  const index = JSON.parse((await disk.read(op, path)).toString()) as Index;
  for (const one of index.manifests) {
    const name = one.annotations?.['org.opencontainers.image.ref.name'] ?? '';
    one.annotations = { ...one.annotations, 'io.containerd.image.name': name };
  }
  await disk.writeAtomic(op, path, JSON.stringify(index), { mode: 0o644 });
  await runOk(spawn, op, [...sameTar, '-cf', archive, '-C', layout, '.']);
}

/** The same files give the same archive, whoever made them, and when. */
export const sameTar = [
  'tar',
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--format=gnu',
];
