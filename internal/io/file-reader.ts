import { open, type FileHandle } from 'node:fs/promises';
import { IoError } from '../base/errors.ts';

/** A file held open for reading at any place, as following a log needs it: the handle outlives a rename. */
export interface FileReader {
  /** Which file it is; another inode under the same name means that the file was rotated. */
  readonly ino: number;
  size(): Promise<number>;
  /** Bytes at `position`, fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Opens a file, or undefined when there is none. */
export async function openReader(op: string, path: string): Promise<FileReader | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'IO';
    if (code === 'ENOENT') return undefined;
    throw new IoError(`${op}: cannot open ${path}`, { op, code, cause });
  }
  const { ino } = await file.stat();
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
