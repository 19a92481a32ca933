import { table } from '../base/own.ts';
import * as fs from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getRawAsset, isSea } from 'node:sea';
import { homedir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { zstdDecompress } from 'node:zlib';
import { IoError, messageOf } from '../base/errors.ts';

/**
 * The files that travel with the program: native addons, the pause image, worker scripts. In the
 * executable they are embedded, and unpacked once into a folder named after their content where a
 * real file is needed; in a source tree they are taken from where they lie, or made by the script
 * that the build would run.
 */
const sourceOf: Record<string, { file: string } | { script: string }> = table({
  'better_sqlite3.node': {
    file: `node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`,
  },
  'admin-policy-kinds.json.gz': { file: 'internal/supervisor/admin-policy-kinds.json.gz' },
  'gateway-kinds.json.gz': { file: 'internal/supervisor/gateway-kinds.json.gz' },
  'pty.node': { file: `node_modules/@lydell/node-pty-linux-${process.arch}/pty.node` },
  'pause.tar': { script: 'images/pause/image.ts' },
  'dashboard.pack': { script: 'build/dashboard.ts' },
});

/** Name -> hash and size of every embedded asset, written by the build. */
export const manifestName = 'assets.json';

interface Manifest extends BuildInfo {
  /** Size before packing. */
  assets: Record<string, { hash: string; size: number; packed?: 'zstd' }>;
}

/**
 * Where native addons are handed to packages that would look for them on disk (see
 * build/bundle.ts).
 */
const addonRegistry = Symbol.for('skiff.addons');

export const embedded: boolean = isSea();

/** The root of the source tree; meaningless in the executable. */
const sourceRoot = embedded ? '' : join(import.meta.dirname, '..', '..');

/** The folder that assets are unpacked below. The environment carries it to worker threads. */
export function setUnpackDir(dir: string): void {
  process.env['SKIFF_UNPACK_DIR'] = dir;
}

/** The bytes of an asset. */
export async function assetBytes(name: string): Promise<Uint8Array> {
  if (embedded)
    return readManifest().assets[name]?.packed
      ? await unpacked(embeddedBytes(name))
      : embeddedBytes(name);
  const source = sourceOf[name];
  if (!source) throw new IoError(`no asset is called ${name}`, { op: 'asset', code: 'ENOENT' });
  if ('file' in source) return await fs.readFile(join(sourceRoot, source.file));
  const script = (await import(pathToFileURL(join(sourceRoot, source.script)).href)) as {
    build(arch: string): Uint8Array;
  };
  return script.build(process.arch);
}

/** The path of a file that holds the asset, unpacked if need be. */
export async function assetFile(name: string): Promise<string> {
  const source = sourceOf[name];
  if (!embedded && source && 'file' in source) return join(sourceRoot, source.file);
  const { hash, size } = (embedded ? readManifest().assets[name] : undefined) ?? {
    hash: 'source',
    size: undefined,
  };
  const dir = await unpackDir();
  const path = join(dir, hash, name);
  const there = await fs.stat(path).catch(() => undefined);
  if (there !== undefined && there.size === size) return path;
  const bytes = await assetBytes(name);
  try {
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // Two processes or threads may unpack at once: each writes its own file, and the last rename
    // wins with the same bytes.
    const temporary = `${path}.${randomUUID()}`;
    await fs.writeFile(temporary, bytes, { mode: 0o755 });
    await fs.rename(temporary, path);
  } catch (cause) {
    throw new IoError(`cannot unpack ${name} into ${dir}: ${messageOf(cause)}`, {
      op: 'unpack',
      cause,
      hint: 'the data directory must be writable',
    });
  }
  return path;
}

/** Loads a native addon and returns its exports. */
export async function loadAddon(name: string): Promise<object> {
  const loaded = addons();
  const known = loaded[name];
  if (known) return known;
  const file = await assetFile(name);
  const module = { exports: {} };
  process.dlopen(module, file);
  loaded[name] = module.exports;
  return module.exports;
}

export interface BuildInfo {
  version: string;
  /** A name of all that is in it: the same sources have the same. */
  build: string;
  /**
   * The day of this version in package.json, in milliseconds since 1970: no clock that is right
   * shows less. Not the time of the build, which would make each another.
   */
  builtMs: number;
}

/** Version, name and day of this build; of a source tree, what package.json says. */
export function buildInfo(): BuildInfo {
  if (embedded) return readManifest();
  const require = createRequire(import.meta.url);
  const { version, date } = require('../../package.json') as { version: string; date: string };
  return { version, build: 'source', builtMs: Date.parse(date) };
}

/** The script of a worker thread (see worker.ts). */
export function embeddedText(name: string): string {
  return Buffer.from(embeddedBytes(name)).toString('utf8');
}

function embeddedBytes(name: string): Uint8Array {
  try {
    return new Uint8Array(getRawAsset(name));
  } catch (cause) {
    throw new IoError(`no asset is called ${name}`, { op: 'asset', code: 'ENOENT', cause });
  }
}

let manifest: Manifest | undefined;

function readManifest(): Manifest {
  manifest ??= JSON.parse(embeddedText(manifestName)) as Manifest;
  return manifest;
}

const unpacked = (bytes: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) =>
    zstdDecompress(bytes, (error, plain) => (error ? reject(error) : resolve(plain))),
  );

/** Whether this build holds the asset. */
export function hasAsset(name: string): boolean {
  return embedded && readManifest().assets[name] !== undefined;
}

/**
 * The folder for what is unpacked and noted: it holds programs that are run, so nobody else may be
 * able to write there.
 */
export async function unpackDir(): Promise<string> {
  const told = process.env['SKIFF_UNPACK_DIR'];
  if (told !== undefined) return told;
  const user = process.getuid?.() ?? 0;
  if (user === 0) return '/var/lib/skiff/data';
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const dir = join(cache, 'skiff');
  await fs.mkdir(dir, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new IoError(`cannot make ${dir}: ${messageOf(cause)}`, {
      op: 'unpack',
      cause,
      hint: 'set XDG_CACHE_HOME to a folder that is yours',
    });
  });
  const { uid, mode } = await fs.stat(dir);
  if (uid !== user || (mode & 0o022) !== 0)
    throw new IoError(`${dir} can be written by others`, {
      op: 'unpack',
      hint: 'set XDG_CACHE_HOME to a folder that is yours alone',
    });
  return dir;
}

/** Removes what other versions have unpacked; what is loaded stays with those who have it. */
export async function pruneUnpacked(): Promise<void> {
  if (!embedded) return;
  const own = new Set(Object.values(readManifest().assets).map(({ hash }) => hash));
  const dir = await unpackDir();
  for (const name of await fs.readdir(dir).catch(() => []))
    if (/^[0-9a-f]{16}$/.test(name) && !own.has(name))
      await fs.rm(join(dir, name), { recursive: true, force: true });
}

function addons(): Record<string, object> {
  const holder = globalThis as Record<symbol, Record<string, object> | undefined>;
  return (holder[addonRegistry] ??= {});
}
