import { table } from '../base/own.ts';
import * as fs from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getRawAsset, isSea } from 'node:sea';
import { pathToFileURL } from 'node:url';
import { IoError, messageOf } from '../base/errors.ts';

/**
 * The files that travel with the program: native addons, the pause image, worker scripts. In the executable they are
 * embedded, and unpacked once into a folder named after their content where a real file is needed; in a source tree
 * they are taken from where they lie, or made by the script that the build would run.
 */
const sourceOf: Record<string, { file: string } | { script: string }> = table({
  'better_sqlite3.node': { file: `node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node` },
  'pty.node': { file: `node_modules/@lydell/node-pty-linux-${process.arch}/pty.node` },
  'pause.tar': { script: 'images/pause/image.ts' },
});

/** Name -> hash and size of every embedded asset, written by the build. */
export const manifestName = 'assets.json';

interface Manifest extends BuildInfo {
  assets: Record<string, { hash: string; size: number }>;
}

/** Where native addons are handed to packages that would look for them on disk (see build/bundle.ts). */
export const addonRegistry = Symbol.for('skiff.addons');

export const embedded: boolean = isSea();

/** The root of the source tree; meaningless in the executable. */
const sourceRoot = embedded ? '' : join(import.meta.dirname, '..', '..');

/** The folder that assets are unpacked below. The environment carries it to worker threads. */
export function setUnpackDir(dir: string): void {
  process.env['SKIFF_UNPACK_DIR'] = dir;
}

/** The bytes of an asset. */
export async function assetBytes(name: string): Promise<Uint8Array> {
  if (embedded) return embeddedBytes(name);
  const source = sourceOf[name];
  if (!source) throw new IoError(`no asset is called ${name}`, { op: 'asset', code: 'ENOENT' });
  if ('file' in source) return await fs.readFile(join(sourceRoot, source.file));
  const script = (await import(pathToFileURL(join(sourceRoot, source.script)).href)) as { build(arch: string): Uint8Array };
  return script.build(process.arch);
}

/** The path of a file that holds the asset, unpacked if need be. */
export async function assetFile(name: string): Promise<string> {
  const source = sourceOf[name];
  if (!embedded && source && 'file' in source) return join(sourceRoot, source.file);
  const bytes = await assetBytes(name);
  const hash = embedded ? (readManifest().assets[name]?.hash ?? 'unknown') : 'source';
  const path = join(unpackDir(), hash, name);
  const there = await fs.stat(path).catch(() => undefined);
  if (embedded && there?.size === bytes.length) return path;
  try {
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // Two processes or threads may unpack at once: each writes its own file, and the last rename wins with the same bytes.
    const temporary = `${path}.${randomUUID()}`;
    await fs.writeFile(temporary, bytes, { mode: 0o755 });
    await fs.rename(temporary, path);
  } catch (cause) {
    throw new IoError(`cannot unpack ${name} into ${unpackDir()}: ${messageOf(cause)}`, { op: 'unpack', cause, hint: 'the data directory must be writable' });
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
  commit: string;
  /** Milliseconds since 1970: no clock that is right shows less. */
  builtMs: number;
}

/** When the sources of a tree that is not built were there already. */
const sourcesMs = Date.UTC(2026, 0, 1);

/** Version, commit and time of this build; of a source tree, what package.json says. */
export function buildInfo(): BuildInfo {
  if (embedded) return readManifest();
  const require = createRequire(import.meta.url);
  return { version: (require('../../package.json') as { version: string }).version, commit: 'source', builtMs: sourcesMs };
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

function unpackDir(): string {
  return process.env['SKIFF_UNPACK_DIR'] ?? (process.getuid?.() === 0 ? '/var/lib/skiff/data' : `/tmp/skiff-${process.getuid?.() ?? 0}`);
}

function addons(): Record<string, object> {
  const holder = globalThis as unknown as Record<symbol, Record<string, object> | undefined>;
  return (holder[addonRegistry] ??= {});
}
