import * as fs from 'node:fs/promises';
import { IoError } from '../base/errors.ts';
import { below, hold, type Held } from './held.ts';

/** Deeper folders are first moved up, so that no tree needs more open handles than this. */
const mostDepth = 64;
/** A tree that is still written to is removed again this many times; then the removal fails. */
const mostRounds = 100;

let moved = 0;

/**
 * Removes a file, or a folder with all that is in it; nothing there is no error. The tree may have
 * been written by a pod: no link in it is followed, even one that is swapped in now, no name is too
 * strange and no tree too deep. What is mounted in it stays, and is an error: it belongs to
 * somebody else.
 */
export async function removeTree(op: string, path: string): Promise<void> {
  if (await unlinked(path)) return;
  const top = await hold(op, path, { follow: false });
  if (!top) return;
  try {
    const { dev } = await top.stat();
    for (let round = 0; ; round++) {
      await empty({ op, top, dev }, top, 0);
      if (await removedFolder(path)) return;
      if (round === mostRounds)
        throw new IoError(`${op}: ${path} does not become empty`, { op, code: 'ENOTEMPTY' });
    }
  } finally {
    await top.release();
  }
}

interface Work {
  op: string;
  top: Held;
  dev: number;
}

async function empty(work: Work, folder: Held, depth: number): Promise<void> {
  for (const name of await folder.list()) {
    const path = below(folder, name);
    if (await unlinked(path)) continue;
    if (depth >= mostDepth) {
      await fs.rename(path, below(work.top, Buffer.from(`.removing-${process.pid}-${moved++}`)));
      continue;
    }
    const child = await folder.child(name);
    try {
      const stat = await child?.stat();
      if (!child || stat?.kind !== 'dir') continue; // another thing by now; the next round sees it
      if (stat.dev !== work.dev)
        throw new IoError(`${work.op}: ${await child.real()} is still mounted`, {
          op: work.op,
          code: 'EBUSY',
        });
      await empty(work, child, depth + 1);
    } finally {
      await child?.release();
    }
    await removedFolder(path);
  }
}

/** False when it is a folder. */
async function unlinked(path: string | Buffer): Promise<boolean> {
  try {
    await fs.unlink(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return true;
    // Linux says EISDIR, POSIX EPERM.
    if (code === 'EISDIR' || code === 'EPERM') return false;
    throw error;
  }
}

async function removedFolder(path: string | Buffer): Promise<boolean> {
  try {
    await fs.rmdir(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return false;
    throw error;
  }
}
