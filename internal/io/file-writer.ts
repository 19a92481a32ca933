import { chmod, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IoError, messageOf } from '../base/errors.ts';

/** A new file, written piece by piece, that has its name only when it is whole and on the disk. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes it durable and gives it its name. */
  finish(target: string): Promise<void>;
  /** Throws away what was written; harmless after `finish`. */
  discard(): Promise<void>;
}

/**
 * Starts a file at `temporary`, which must lie on the file system of its later name. Only its owner
 * can read it.
 */
export async function openWriter(op: string, temporary: string): Promise<FileWriter> {
  const failed = (cause: unknown): IoError =>
    new IoError(`${op}: ${temporary}: ${messageOf(cause)}`, {
      op,
      code: (cause as NodeJS.ErrnoException).code ?? 'IO',
      cause,
    });
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'wx', 0o600);
  } catch (cause) {
    throw failed(cause);
  }
  return {
    async write(bytes) {
      try {
        await file?.writeFile(bytes);
      } catch (cause) {
        throw failed(cause);
      }
    },
    async finish(target) {
      try {
        await file?.sync();
        await file?.close();
        file = undefined;
        await settleName(temporary, target);
      } catch (cause) {
        throw failed(cause);
      }
    },
    async discard() {
      await file?.close().catch(() => undefined);
      file = undefined;
      await rm(temporary, { force: true }).catch(() => undefined);
    },
  };
}

/**
 * Gives a file that another program wrote its final name, once its bytes and then the name are on
 * the disk.
 */
export async function settleFile(
  op: string,
  { temporary, target, mode }: { temporary: string; target: string; mode: number },
): Promise<void> {
  try {
    await chmod(temporary, mode);
    await syncPath(temporary);
    await settleName(temporary, target);
  } catch (cause) {
    throw new IoError(`${op}: ${target}: ${messageOf(cause)}`, {
      op,
      code: (cause as NodeJS.ErrnoException).code ?? 'IO',
      cause,
    });
  }
}

/** Renames a file or folder, durably. */
export async function renamePath(op: string, from: string, to: string): Promise<void> {
  try {
    await settleName(from, to);
  } catch (cause) {
    throw new IoError(`${op}: cannot rename ${from} to ${to}: ${messageOf(cause)}`, {
      op,
      code: (cause as NodeJS.ErrnoException).code ?? 'IO',
      cause,
    });
  }
}

async function settleName(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncPath(dirname(to));
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
