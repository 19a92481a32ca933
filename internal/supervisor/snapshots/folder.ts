import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';

const op = 'snapshot';

/** A snapshot in its folder. The name tells all: nothing else is kept about it. */
export interface SnapshotFile {
  name: string;
  path: string;
  bytes: number;
  createdMs: number;
}

/** `<prefix>-<node>-<seconds since 1970>`, as k3s names them. */
export function snapshotName(of: {
  prefix: string;
  node: string;
  nowMs: number;
  compress: boolean;
}): string {
  return `${of.prefix}-${of.node}-${Math.floor(of.nowMs / 1000)}${of.compress ? '.zip' : ''}`;
}

/** What may begin the name of a snapshot. */
export const snapshotPrefix = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** A prefix becomes part of a file's name. */
export function checkPrefix(prefix: string): string {
  if (!snapshotPrefix.test(prefix))
    throw new ConfigError(`"${prefix}" cannot begin the name of a snapshot`, {
      op,
      hint: 'use letters, digits, ".", "_" and "-"',
    });
  return prefix;
}

/** The snapshots of a folder, the newest first. What else lies there is left out. */
export async function listSnapshots(disk: Disk, dir: string): Promise<SnapshotFile[]> {
  const found: SnapshotFile[] = [];
  for (const name of await disk.list(op, dir)) {
    if (name.startsWith('.')) continue;
    const path = join(dir, name);
    const stat = await disk.stat(op, path);
    if (stat?.kind !== 'file') continue;
    const seconds = /-(\d{1,12})(?:\.zip)?$/.exec(name)?.[1];
    found.push({
      name,
      path,
      bytes: stat.size,
      createdMs: seconds === undefined ? Math.floor(stat.mtimeMs) : Number(seconds) * 1000,
    });
  }
  return found.sort((a, b) => b.createdMs - a.createdMs || (a.name < b.name ? 1 : -1));
}

/** Which of the snapshots, newest first, are more than `keep` of one prefix and node. */
function surplus(
  files: SnapshotFile[],
  of: { prefix: string; node: string },
  keep: number,
): SnapshotFile[] {
  const start = `${of.prefix}-${of.node}-`;
  return files
    .filter(
      ({ name }) => name.startsWith(start) && /^\d{1,12}(\.zip)?$/.test(name.slice(start.length)),
    )
    .slice(keep);
}

/** Removes the surplus and returns what went. */
export async function pruneSnapshots(
  disk: Disk,
  dir: string,
  options: { prefix: string; node: string; keep: number },
): Promise<SnapshotFile[]> {
  const gone = surplus(await listSnapshots(disk, dir), options, options.keep);
  for (const { path } of gone) await disk.remove(op, path);
  return gone;
}

/** Removes snapshots by their names: all that are there, and only if all are there. */
export async function deleteSnapshots(disk: Disk, dir: string, names: string[]): Promise<void> {
  const there = new Map((await listSnapshots(disk, dir)).map((file) => [file.name, file]));
  const missing = names.filter((name) => !there.has(name));
  if (missing.length > 0)
    throw new ConfigError(
      `there is no snapshot ${missing.map((name) => `"${name}"`).join(', ')} in ${dir}`,
      { op, hint: 'nothing was deleted; see "skiff etcd-snapshot ls"' },
    );
  for (const name of names) await disk.remove(op, join(dir, name));
}
