import type { Disk } from '../../io/disk.ts';
import type { Tree } from '../../io/tree.ts';

/** One file of a volume. `uid` is the user who should own it, when not root. */
export interface PayloadFile {
  data: Uint8Array;
  mode: number;
  uid?: number;
}

export type Payload = Map<string, PayloadFile>;

export interface WriteOptions {
  disk: Disk;
  tree: Tree;
  /** Wall-clock time, for the name of the new folder. */
  nowMs: number;
  /** Gives the finished folder its owner and modes before anybody can see it. */
  finish?: (dir: string) => Promise<void>;
}

const dataLink = '..data';
const nextDataLink = '..data_tmp';
const longestPath = 4096;

/**
 * Makes `dir` show exactly `payload`, so that a reader sees the old files or the new ones, never a
 * mixture:
 *
 *     dir/..2026_01_02_15_04_05.123   the files themselves
 *     dir/..data                      -> the folder above; replaced by one rename
 *     dir/name                        -> ..data/name
 *
 * Returns false, and touches nothing, when all is as it should be.
 */
export async function writeAtomically(
  dir: string,
  payload: Payload,
  options: WriteOptions,
): Promise<boolean> {
  const { disk, tree } = options;
  const op = 'volume.write';
  for (const path of payload.keys()) validatePath(path);
  const old = await tree.readLink(op, `${dir}/${dataLink}`);
  const stale = old === undefined ? [] : await stalePaths(`${dir}/${old}`, payload, options);
  if (
    old !== undefined &&
    stale.length === 0 &&
    (await unchanged(`${dir}/${old}`, payload, options))
  ) {
    await addVisible(dir, payload, options);
    return false;
  }
  const fresh = await freshFolder(dir, options);
  for (const [path, file] of payload) await writeOne(`${dir}/${fresh}`, path, file, tree);
  await options.finish?.(`${dir}/${fresh}`);
  await disk.remove(op, `${dir}/${nextDataLink}`);
  await tree.symlink(op, fresh, `${dir}/${nextDataLink}`);
  await tree.rename(op, `${dir}/${nextDataLink}`, `${dir}/${dataLink}`);
  await addVisible(dir, payload, options);
  const kept = new Set([...payload.keys()].map(topOf));
  for (const top of new Set(stale.map(topOf)))
    if (!kept.has(top)) await disk.remove(op, `${dir}/${top}`);
  if (old !== undefined) await disk.remove(op, `${dir}/${old}`);
  return true;
}

/** Whether something was ever written here. */
export async function hasPayload(dir: string, tree: Tree): Promise<boolean> {
  return (await tree.readLink('volume.has-payload', `${dir}/${dataLink}`)) !== undefined;
}

export function validatePath(path: string): void {
  const shown = JSON.stringify(path);
  if (path === '') throw new Error('invalid path: must not be empty: ""');
  if (path.length > longestPath)
    throw new Error(`invalid path: must be less than or equal to ${longestPath} characters`);
  if (path.startsWith('/')) throw new Error(`invalid path: must be relative path: ${path}`);
  const items = path.split('/');
  if (items.includes('..'))
    throw new Error(`invalid path: must not contain '..': ${shown.slice(1, -1)}`);
  if ((items[0] ?? '').startsWith('..'))
    throw new Error(`invalid path: must not start with '..': ${shown.slice(1, -1)}`);
}

function topOf(path: string): string {
  return path.split('/')[0] ?? path;
}

async function freshFolder(dir: string, { tree, nowMs }: WriteOptions): Promise<string> {
  const [day = '', time = ''] = new Date(nowMs).toISOString().split('T');
  const stamp = `..${day.replaceAll('-', '_')}_${time.slice(0, 8).replaceAll(':', '_')}`;
  for (let i = nowMs % 1000; ; i++) {
    const name = `${stamp}.${String(i).padStart(3, '0')}`;
    if (await tree.makeDir('volume.write', `${dir}/${name}`, 0o755)) return name;
  }
}

async function writeOne(base: string, path: string, file: PayloadFile, tree: Tree): Promise<void> {
  const op = 'volume.write';
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  let at = base;
  for (const part of parts.slice(0, -1)) {
    at += `/${part}`;
    await tree.makeDir(op, at, 0o755);
  }
  const full = `${at}/${parts.at(-1) ?? ''}`;
  await tree.writeFile(op, full, file.data, file.mode);
  if (file.uid !== undefined) await tree.chown(op, full, file.uid, -1);
}

async function addVisible(dir: string, payload: Payload, { tree }: WriteOptions): Promise<void> {
  for (const top of new Set([...payload.keys()].map(topOf))) {
    const link = `${dir}/${top}`;
    if ((await tree.readLink('volume.write', link)) === undefined)
      await tree.symlink('volume.write', `${dataLink}/${top}`, link);
  }
}

async function unchanged(base: string, payload: Payload, { disk }: WriteOptions): Promise<boolean> {
  for (const [path, file] of payload) {
    const there = await disk.readIfThere('volume.compare', `${base}/${path}`);
    if (!there || !there.equals(file.data)) return false;
  }
  return true;
}

async function stalePaths(
  base: string,
  payload: Payload,
  { disk }: WriteOptions,
): Promise<string[]> {
  const wanted = new Set(
    [...payload.keys()].map((path) =>
      path
        .split('/')
        .filter((p) => p !== '' && p !== '.')
        .join('/'),
    ),
  );
  const found: string[] = [];
  const walk = async (under: string): Promise<void> => {
    for (const name of await disk.list('volume.compare', `${base}/${under}`)) {
      const path = under === '' ? name : `${under}/${name}`;
      const stat = await disk.stat('volume.compare', `${base}/${path}`);
      if (stat?.kind === 'dir') await walk(path);
      else if (!wanted.has(path)) found.push(path);
    }
  };
  await walk('');
  return found;
}
