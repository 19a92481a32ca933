import { join, resolve } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { packFolder } from '../../io/archive.ts';
import type { Disk } from '../../io/disk.ts';
import { sha256File } from '../../io/file-sum.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import {
  imagesFile,
  libraryPlace,
  manifestFile,
  nodePackages,
  type Arch,
  type Manifest,
} from './contents.ts';
import { archiveImages, imageNames, sameTar } from './images.ts';
import { librariesOf, neededBy, programIn, unpackPackages } from './packages.ts';

const op = 'airgap';

export interface BuildOptions {
  arch: Arch;
  /** The text of a list of images. */
  images: string | undefined;
  output: string;
  /** A new folder. */
  work: string;
  disk: Disk;
  spawn: Spawn;
  say(text: string): void;
}

/**
 * Makes a bundle: the programs that a node calls, with their libraries, and images, in one packed
 * archive. The same packages and images give the same bytes.
 */
export async function buildBundle(options: BuildOptions): Promise<Manifest> {
  const { arch, work, disk, spawn, say } = options;
  await haveTools(options);
  const names = options.images === undefined ? [] : imageNames(options.images);
  say(`packages for ${arch}`);
  const wanted = Object.keys(nodePackages);
  const { root, versions } = await unpackPackages({ ...options, packages: wanted });
  const bundle = join(work, 'bundle');
  const copy = async (from: string, to: string): Promise<void> =>
    void (await runOk(spawn, op, ['cp', '-L', '--preserve=mode', from, join(bundle, to)]));
  for (const dir of ['bin', 'cni', 'lib', 'licenses'])
    await disk.makeDir(op, join(bundle, dir), 0o755);
  const programs: string[] = [];
  for (const [name, files] of Object.entries(nodePackages)) {
    const dir = name === 'containernetworking-plugins' ? 'cni' : 'bin';
    for (const file of files) {
      programs.push(await programIn(disk, root, name, file));
      await copy(programs.at(-1) ?? '', join(dir, file));
    }
  }
  const libraries = await librariesOf(options, root, programs);
  for (const [name, { path }] of libraries) await copy(path, join('lib', name));
  for (const dir of ['bin', 'cni', 'lib'])
    for (const file of await disk.list(op, join(bundle, dir)))
      await findsLibraries(spawn, join(bundle, dir, file));
  const used = [...new Set([...wanted, ...[...libraries.values()].map(({ of }) => of)])].toSorted();
  for (const name of used) {
    const notice = join(root, name, 'usr/share/doc', name, 'copyright');
    if (await disk.stat(op, notice)) await copy(notice, join('licenses', name));
  }
  if (names.length > 0)
    await archiveImages({ ...options, names, archive: join(bundle, imagesFile) });
  const manifest: Manifest = {
    format: 1,
    arch,
    distribution: await distribution(disk),
    packages: Object.fromEntries(used.map((name) => [name, versions[name] ?? ''])),
    files: await sumsOf(disk, bundle),
    images: names,
  };
  await disk.writeAtomic(op, join(bundle, manifestFile), `${JSON.stringify(manifest)}\n`, {
    mode: 0o644,
  });
  say('packing');
  await packFolder(op, { tar: [...sameTar, '-C', bundle], from: '.', to: resolve(options.output) });
  return manifest;
}

/** Programs that only look for their own C library are left as they are. */
async function findsLibraries(spawn: Spawn, file: string): Promise<void> {
  if ((await neededBy(spawn, file)).length === 0) return;
  await runOk(spawn, op, ['patchelf', '--set-rpath', libraryPlace, file]);
}

async function haveTools({ spawn, images }: BuildOptions): Promise<void> {
  const tools = ['apt-get', 'dpkg-deb', 'patchelf', 'tar', ...(images ? ['skopeo'] : [])];
  const missing: string[] = [];
  for (const tool of tools) {
    const there = await spawn.run(op, [tool, '--version']).catch(() => undefined);
    if (there === undefined) missing.push(tool);
  }
  if (missing.length > 0)
    throw new ConfigError(`a bundle is built with ${missing.join(' and ')}, not found here`, {
      op,
      hint: 'on Debian or Ubuntu: apt-get install patchelf skopeo',
    });
}

async function distribution(disk: Disk): Promise<string> {
  const text = (await disk.readIfThere(op, '/etc/os-release'))?.toString() ?? '';
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'unknown';
}

async function sumsOf(disk: Disk, bundle: string): Promise<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const dir of ['bin', 'cni', 'lib', 'licenses', '.'])
    for (const file of (await disk.list(op, join(bundle, dir))).toSorted()) {
      const path = join(dir, file);
      const stat = await disk.stat(op, join(bundle, path));
      if (stat?.kind === 'file') sums[path] = await sha256File(op, join(bundle, path));
    }
  return sums;
}
