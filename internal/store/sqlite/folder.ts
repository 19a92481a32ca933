import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** What file systems answer that cannot sync a folder, or need not. */
const cannotSync = new Set(['EINVAL', 'ENOTSUP', 'EACCES', 'EPERM']);

/**
 * Makes the store's folder, durably: on some file systems a synced file is lost with a folder whose
 * name is not on the disk.
 */
export function makeStoreDir(dir: string): void {
  const path = resolve(dir);
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** Names that were made or changed in the folder are on the disk when this returns. */
export function syncFolder(dir: string): void {
  sync(dir, 'r');
}

/** What was written to the file is on the disk when this returns. */
export function syncFile(path: string): void {
  sync(path, 'r+');
}

function sync(path: string, how: 'r' | 'r+'): void {
  const file = openSync(path, how);
  try {
    fsyncSync(file);
  } catch (error) {
    if (how === 'r+' || !cannotSync.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(file);
  }
}
