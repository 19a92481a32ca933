import * as fs from 'node:fs/promises';
import { guarded, absent } from './guarded.ts';
import { constants, type Stats } from 'node:fs';
import { IoError } from '../base/errors.ts';

/**
 * A place of a file system that is held open: it stays the same thing however names and links are
 * changed meanwhile. What lies below a folder that others write to (a pod's volume) is only reached
 * from one held place to the next.
 */
export interface Held {
  /** A path through /proc that leads to the held place, for this process and those it starts. */
  path: string;
  /** Where it is now. */
  real(): Promise<string>;
  stat(): Promise<FileStat>;
  chmod(mode: number): Promise<void>;
  /** -1 keeps. A held link changes its own owner. */
  chown(uid: number, gid: number): Promise<void>;
  /** The names in a folder, as bytes: a pod may write names that are no text. */
  list(): Promise<Buffer[]>;
  /**
   * What has this name in a folder, itself: links are not followed. Undefined when there is
   * nothing.
   */
  child(name: Buffer): Promise<Held | undefined>;
  /**
   * Up to `mostBytes` of a regular file. Anything else is an error: a FIFO would block, a device
   * has no end.
   */
  read(options: ReadLimit): Promise<Buffer>;
  release(): Promise<void>;
}

export interface ReadLimit {
  mostBytes: number;
  /** Which part of a longer file. */
  from: 'start' | 'end';
}

/** Linux' O_PATH: a handle that names a place and opens nothing. Node has no constant for it. */
const openPath = 0o10000000;

/**
 * Holds on to what `path` names; undefined when there is nothing. Opening a place has no effect on
 * it, whatever it is.
 */
export async function hold(
  op: string,
  path: string | Buffer,
  options: { follow: boolean },
): Promise<Held | undefined> {
  const file = await guarded(op, path, () =>
    fs.open(path, openPath | (options.follow ? 0 : constants.O_NOFOLLOW)).catch(absent),
  );
  return file && new HeldPlace(op, file);
}

/** Up to `mostBytes` of a regular file, not through a link; undefined when there is none. */
export async function readRegular(
  op: string,
  path: string,
  limit: ReadLimit,
): Promise<Buffer | undefined> {
  const held = await hold(op, path, { follow: false });
  try {
    return await held?.read(limit);
  } finally {
    await held?.release();
  }
}

class HeldPlace implements Held {
  readonly path: string;
  readonly #op: string;
  readonly #file: fs.FileHandle;

  constructor(op: string, file: fs.FileHandle) {
    this.#op = op;
    this.#file = file;
    this.path = `/proc/${process.pid}/fd/${file.fd}`;
  }

  real(): Promise<string> {
    return this.#guard(() => fs.readlink(this.path));
  }

  stat(): Promise<FileStat> {
    return this.#guard(async () => toStat(await this.#file.stat()));
  }

  chmod(mode: number): Promise<void> {
    return this.#guard(() => fs.chmod(this.path, mode));
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.#guard(() => fs.chown(this.path, uid, gid));
  }

  list(): Promise<Buffer[]> {
    return this.#guard(() => fs.readdir(this.path, { encoding: 'buffer' }));
  }

  child(name: Buffer): Promise<Held | undefined> {
    return hold(this.#op, below(this, name), { follow: false });
  }

  async read({ mostBytes, from }: ReadLimit): Promise<Buffer> {
    const { kind, size } = await this.stat();
    if (kind !== 'file')
      throw new IoError(`${this.#op}: not a regular file but a ${kind}`, {
        op: this.#op,
        code: 'NOTFILE',
      });
    return this.#guard(async () => {
      const file = await fs.open(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const { buffer, bytesRead } = await file.read(
          Buffer.alloc(mostBytes),
          0,
          mostBytes,
          from === 'end' ? Math.max(0, size - mostBytes) : 0,
        );
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    });
  }

  release(): Promise<void> {
    return this.#file.close();
  }

  #guard<T>(effect: () => Promise<T>): Promise<T> {
    return guarded(this.#op, this.path, effect);
  }
}

/** The path of a name in a held folder. */
export function below(held: Held, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${held.path}/`), name]);
}

export function toStat(s: Stats): FileStat {
  return {
    kind: kindOf(s),
    size: s.size,
    mtimeMs: s.mtimeMs,
    mode: s.mode & 0o7777,
    uid: s.uid,
    gid: s.gid,
    ino: s.ino,
    dev: s.dev,
  };
}

function kindOf(s: Stats): FileStat['kind'] {
  if (s.isFile()) return 'file';
  if (s.isDirectory()) return 'dir';
  if (s.isSymbolicLink()) return 'link';
  if (s.isSocket()) return 'socket';
  if (s.isFIFO()) return 'fifo';
  return s.isBlockDevice() ? 'block' : 'char';
}

export interface FileStat {
  kind: 'file' | 'dir' | 'link' | 'socket' | 'fifo' | 'char' | 'block';
  size: number;
  mtimeMs: number;
  mode: number;
  uid: number;
  gid: number;
  ino: number;
  dev: number;
}
