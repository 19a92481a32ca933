import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import type { Arch } from './contents.ts';

const op = 'airgap.packages';
const downloadTimeoutMs = 30 * 60_000;

export interface Download {
  arch: Arch;
  packages: string[];
  /** Scratch. */
  work: string;
  disk: Disk;
  spawn: Spawn;
}

/**
 * Brings Debian packages of an architecture, with the libraries that they need, and unpacks them in
 * one folder. The machine's own sources of packages are asked, and apt holds what comes to their
 * signatures; nothing is installed, and apt's own state is not touched. Returns the folder and the
 * version of each package.
 */
export async function unpackPackages({
  arch,
  packages,
  work,
  disk,
  spawn,
}: Download): Promise<{ root: string; versions: Record<string, string> }> {
  const [state, cache, debs, root] = ['state', 'cache', 'debs', 'root'].map((name) =>
    join(work, name),
  ) as [string, string, string, string];
  for (const dir of [join(state, 'lists/partial'), join(cache, 'archives/partial'), debs, root])
    await disk.makeDir(op, dir, 0o755);
  await disk.writeAtomic(op, join(state, 'status'), '');
  const options = [
    `Dir::State=${state}`,
    `Dir::State::status=${state}/status`,
    `Dir::Cache=${cache}`,
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    'APT::Sandbox::User=root',
    'APT::Install-Recommends=false',
  ].flatMap((option) => ['-o', option]);
  const apt = async (...words: string[]): Promise<string> =>
    await runOk(spawn, op, ['apt-get', ...options, ...words], {
      cwd: debs,
      timeoutMs: downloadTimeoutMs,
    }).catch((cause: unknown) => {
      throw new ConfigError(`packages for ${arch} could not be had: ${String(cause)}`, {
        op,
        cause,
        hint: 'a bundle is built on Debian or Ubuntu, with apt-get and a mirror it can reach',
      });
    });
  await apt('-qq', 'update');
  const closure = await apt('-qq', '--print-uris', '-y', 'install', ...packages);
  // 'URI' NAME_VERSION_ARCH.deb SIZE HASH
  const needed = [...closure.matchAll(/^'[^']*' ([a-z0-9][a-z0-9+.-]*)_(\S+)_\S+\.deb /gm)].filter(
    ([, name = '']) => packages.includes(name) || /^z?lib/.test(name),
  );
  await apt('-qq', 'download', ...needed.map(([, name = '']) => name));
  const versions: Record<string, string> = {};
  for (const [, name = '', version = ''] of needed) versions[name] = decodeURIComponent(version);
  for (const file of await disk.list(op, debs)) {
    const dir = join(root, file.slice(0, file.indexOf('_')));
    await disk.makeDir(op, dir, 0o755);
    await runOk(spawn, op, ['dpkg-deb', '-x', join(debs, file), dir]);
  }
  return { root, versions };
}

const folders = ['usr/bin', 'usr/sbin', 'bin', 'sbin', 'usr/lib/cni', 'usr/libexec/cni'];

/** Where a program of a package lies. */
export async function programIn(
  disk: Disk,
  root: string,
  of: string,
  name: string,
): Promise<string> {
  for (const folder of folders) {
    const path = join(root, of, folder, name);
    if ((await disk.stat(op, path)) !== undefined) return path;
  }
  throw new ConfigError(`the package ${of} of this distribution has no ${name}`, { op });
}

/** Every machine that skiff runs on has these: they are its C library. */
const ofGlibc = /^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|nsl|anl))\.so(\.\d+)?$/;

export interface Library {
  path: string;
  /** The package that has it. */
  of: string;
}

/**
 * The libraries of programs (and theirs), by file name; those of glibc are the machine's own.
 */
export async function librariesOf(
  { disk, spawn }: { disk: Disk; spawn: Spawn },
  root: string,
  programs: string[],
): Promise<Map<string, Library>> {
  const found = new Map<string, Library>();
  const queue = [...programs];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const needed = await neededBy(spawn, file);
    for (const name of needed.filter((one) => !ofGlibc.test(one))) {
      if (found.has(name)) continue;
      const library = await libraryIn(disk, root, name);
      found.set(name, library);
      queue.push(library.path);
    }
  }
  return found;
}

/** The names of the libraries that a program asks for; none when it is linked to none. */
export async function neededBy(spawn: Spawn, file: string): Promise<string[]> {
  const done = await spawn.run(op, ['patchelf', '--print-needed', file]);
  return done.code === 0 ? done.stdout.toString().split('\n').filter(Boolean) : [];
}

async function libraryIn(disk: Disk, root: string, name: string): Promise<Library> {
  for (const of of await disk.list(op, root)) {
    for (const lib of ['usr/lib', 'lib']) {
      for (const triplet of ['x86_64-linux-gnu', 'aarch64-linux-gnu', '.']) {
        const path = join(root, of, lib, triplet, name);
        if ((await disk.stat(op, path)) !== undefined)
          return { path: await disk.realPath(op, path), of };
      }
    }
  }
  throw new ConfigError(`no package of this distribution brings ${name}`, { op });
}
