import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { unpackArchive } from '../../io/archive.ts';
import type { Disk } from '../../io/disk.ts';
import { sha256File } from '../../io/file-sum.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import {
  imagesFile,
  manifestFile,
  readManifest,
  withLibraries,
  type Manifest,
} from './contents.ts';

const op = 'airgap';

export interface LoadOptions {
  file: string;
  dataDir: string;
  arch: string;
  disk: Disk;
  spawn: Spawn;
}

/** Where the programs of a bundle lie. */
export const airgapDir = (dataDir: string): string => join(dataDir, 'airgap');

/**
 * Puts the programs of a bundle below the data directory, and its images where the agent imports
 * and pins them. All of it is held to the checksums of its manifest before anything is put in its
 * place. Nothing outside the data directory changes.
 */
export async function loadBundle(options: LoadOptions): Promise<Manifest> {
  const { file, dataDir, disk, spawn } = options;
  if ((await disk.stat(op, file))?.kind !== 'file')
    throw new ConfigError(`${file}: no such file`, { op });
  const target = airgapDir(dataDir);
  const fresh = `${target}.new`;
  await disk.remove(op, fresh);
  await disk.makeDir(op, fresh, 0o755);
  try {
    await unpackArchive(op, { file, into: fresh });
    const manifest = await checked(options, fresh);
    for (const path of Object.keys(manifest.files).filter((one) => /^(bin|cni|lib)\//.test(one))) {
      const bytes = await disk.read(op, join(fresh, path));
      const placed = withLibraries(bytes, join(target, 'lib'));
      if (placed !== bytes) await disk.writeAtomic(op, join(fresh, path), placed, { mode: 0o755 });
    }
    if (manifest.images.length > 0) {
      const images = join(dataDir, 'agent/images');
      await disk.makeDir(op, images);
      const [from, to] = [join(fresh, imagesFile), join(images, 'airgap.tar')];
      await runOk(spawn, op, ['mv', '-f', from, to]);
    }
    // The programs may run: what is open stays what it was.
    await disk.remove(op, `${target}.old`);
    if (await disk.stat(op, target)) await runOk(spawn, op, ['mv', '-T', target, `${target}.old`]);
    await runOk(spawn, op, ['mv', '-T', fresh, target]);
    await disk.remove(op, `${target}.old`);
    return manifest;
  } finally {
    await disk.remove(op, fresh);
  }
}

/** What was unpacked, if it is all that the manifest says and nothing else. */
async function checked({ file, arch, disk }: LoadOptions, dir: string): Promise<Manifest> {
  const text = await disk.readIfThere(op, join(dir, manifestFile));
  if (text === undefined)
    throw new ConfigError(`${file} is not an air-gap bundle of skiff`, { op });
  const manifest = readManifest(text.toString());
  if (manifest.arch !== arch)
    throw new ConfigError(`${file} is for ${manifest.arch}, and this machine is ${arch}`, { op });
  const found: string[] = [];
  for (const folder of ['.', 'bin', 'cni', 'lib', 'licenses'])
    for (const name of await disk.list(op, join(dir, folder))) {
      const stat = await disk.stat(op, join(dir, folder, name));
      if (stat?.kind === 'dir' && folder === '.') continue;
      if (stat?.kind !== 'file')
        throw new ConfigError(`${file} contains something that is not a regular file: ${name}`, {
          op,
        });
      found.push(join(folder, name));
    }
  const due = [...Object.keys(manifest.files), manifestFile].toSorted();
  if (due.join('\n') !== found.toSorted().join('\n'))
    throw new ConfigError(`${file} holds other files than its manifest names`, { op });
  for (const [path, sum] of Object.entries(manifest.files))
    if ((await sha256File(op, join(dir, path))) !== sum)
      throw new ConfigError(`${file} is damaged: the checksum of ${path} is wrong`, {
        op,
        hint: 'copy it again',
      });
  return manifest;
}
