import { open, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:fs';
import { IoError } from '../base/errors.ts';
import { hold } from './held.ts';

/**
 * A file held open for reading at any place, as following a log needs it: the handle outlives a
 * rename.
 */
export interface FileReader {
  /** Which file it is; another inode under the same name means that the file was rotated. */
  readonly ino: number;
  size(): Promise<number>;
  /** Bytes at `position`, fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** How often a file may change its name while it is being opened. */
const mostTries = 3;

/**
 * Opens a regular file, or undefined when there is none. Neither it nor the last folders of its
 * path (`held` of them) may be links: who can write to the folder of the logs could else show any
 * file of the node.
 */
export async function openReader(
  op: string,
  path: string,
  options: { held?: number } = {},
): Promise<FileReader | undefined> {
  for (let tries = 1; ; tries++) {
    const place = await hold(op, path, { follow: false });
    if (!place) return undefined;
    try {
      const { kind, ino } = await place.stat();
      if (kind !== 'file')
        throw new IoError(`${op}: ${path} is not a regular file`, { op, code: 'NOTFILE' });
      const tail = options.held
        ? path
            .split('/')
            .slice(-1 - options.held)
            .join('/')
        : '';
      if ((await place.real()).endsWith(tail))
        return readerOf(await open(place.path, constants.O_RDONLY | constants.O_NONBLOCK), ino);
    } catch (cause) {
      if (cause instanceof IoError) throw cause;
      throw new IoError(`${op}: cannot open ${path}`, {
        op,
        code: (cause as NodeJS.ErrnoException).code ?? 'IO',
        cause,
      });
    } finally {
      await place.release();
    }
    // It may have been rotated or removed just now.
    if (tries === mostTries)
      throw new IoError(`${op}: ${path} leads through a link`, { op, code: 'ELOOP' });
  }
}

function readerOf(file: FileHandle, ino: number): FileReader {
  return {
    ino,
    size: async () => (await file.stat()).size,
    async read(position, length) {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}
