import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { IoError, messageOf } from '../base/errors.ts';
import { basename, dirname, extname, join } from 'node:path';

export interface RotatingFileOptions {
  path: string;
  /** A file of this size is put aside under `name-TIME.ext`. */
  maxBytes: number;
  /** How many of those are kept; 0 = all. */
  maxBackups: number;
  /** How long those are kept; 0 = forever. */
  maxAgeMs: number;
  /** Lines beyond this many bytes that the disk has not taken are lost, and counted. */
  maxPendingBytes?: number;
  /** Lines were lost: the disk does not take them, or not as fast. */
  lost(lines: number, why: string): void;
}

const defaultPendingBytes = 64 << 20;

/**
 * Lines appended to a file that only its owner reads, with older files kept beside it (as
 * lumberjack names them).
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #file: FileHandle | undefined;
  #size = 0;
  #pending: string[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** Opens the file: a path that cannot be written is found out at once. */
  async open(): Promise<void> {
    const { path } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      this.#file = await open(path, 'a', 0o600);
      this.#size = (await this.#file.stat()).size;
    } catch (cause) {
      throw new IoError(`${path}: ${messageOf(cause)}`, { op: 'rotating-file', cause });
    }
  }

  /** Takes a line (without its end). */
  write(line: string): void {
    if (this.#pendingBytes > (this.#options.maxPendingBytes ?? defaultPendingBytes))
      return this.#options.lost(1, 'the disk is too slow');
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    this.#writing ??= this.#drain();
  }

  /** Writes what is pending and closes. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    // What comes in the same turn goes in one write.
    await Promise.resolve();
    while (this.#pending.length) {
      const lines = this.#take();
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      try {
        if (this.#size > 0 && this.#size + bytes.length > this.#options.maxBytes)
          await this.#rotate();
        if (!this.#file) await this.open();
        await this.#file?.appendFile(bytes);
        this.#size += bytes.length;
      } catch (error) {
        this.#options.lost(lines.length, error instanceof Error ? error.message : String(error));
      }
    }
    this.#writing = undefined;
  }

  /**
   * Pending lines that fit into the present file, or into a new one when none does; one at least.
   */
  #take(): string[] {
    const { maxBytes } = this.#options;
    const fits = (used: number): number => {
      let [count, bytes] = [0, used];
      for (; count < this.#pending.length; count++)
        if ((bytes += Buffer.byteLength(this.#pending[count] ?? '') + 1) > maxBytes) break;
      return count;
    };
    const lines = this.#pending.splice(0, fits(this.#size) || fits(0) || 1);
    for (const line of lines) this.#pendingBytes -= line.length;
    return lines;
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    const extension = extname(path);
    const stem = basename(path, extension);
    await rename(path, join(dirname(path), `${stem}-${stampOf(new Date(Date.now()))}${extension}`));
    await this.#prune(stem, extension);
    await this.open();
  }

  async #prune(stem: string, extension: string): Promise<void> {
    const { path, maxBackups, maxAgeMs } = this.#options;
    const pattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;
    const named = (await readdir(dirname(path))).filter(
      (name) =>
        name.startsWith(`${stem}-`) &&
        name.endsWith(extension) &&
        pattern.test(name.slice(stem.length + 1, name.length - extension.length)),
    );
    const oldest = stampOf(new Date(Date.now() - maxAgeMs));
    const newestFirst = named.sort().reverse();
    const gone = newestFirst.filter(
      (name, i) =>
        (maxBackups > 0 && i >= maxBackups) ||
        (maxAgeMs > 0 && name.slice(stem.length + 1) < oldest),
    );
    for (const name of gone) await rm(join(dirname(path), name), { force: true });
  }
}

/** `2006-01-02T15-04-05.000` in UTC. */
function stampOf(time: Date): string {
  return time.toISOString().slice(0, -1).replaceAll(':', '-');
}
