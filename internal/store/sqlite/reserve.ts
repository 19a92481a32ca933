import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { dirname, join } from 'node:path';
import { hasBroken } from '../../io/mount-table.ts';

/**
 * Statuses of a node full of pods, each twice, take some 3 MiB of write-ahead log; a checkpoint as
 * much again.
 */
const mostBytes = 8 * 1024 * 1024;
/** On a small file system the reserve is no more than this share of it. */
const share = 1 / 16;
/** What is given away at a time: a usual commit takes less. */
const pieceBytes = 256 * 1024;
/** Beyond the reserve there must be so much room, or the next write would take from it again. */
const marginBytes = 4 * 1024 * 1024;

/** Why nothing can be written below a folder. */
export type DiskTrouble = 'full' | 'read-only';

/** A file whose only use is to be cut when the disk is full. */
export class Reserve {
  readonly #path: string;
  #bytes: number;

  constructor(database: string) {
    this.#path = join(dirname(database), 'store.reserve');
    this.#bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What is left of it. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Makes it whole if there is room for that. Returns what is wrong with the disk, if something is.
   */
  fill(): DiskTrouble | undefined {
    let file: number | undefined;
    try {
      const wanted = this.#wanted();
      const missing = wanted - this.#bytes;
      // Opened even when it is whole: a file system that has become read-only says so, as a rule.
      file = openSync(this.#path, 'a', 0o600);
      if (hasBroken(readFileSync('/proc/self/mountinfo', 'utf8'), fstatSync(file).dev))
        return 'read-only';
      if (missing <= 0) return undefined;
      if (freeBytes(this.#path) < missing + Math.min(marginBytes, wanted)) return 'full';
      const piece = randomFillSync(Buffer.alloc(pieceBytes));
      while (this.#bytes < wanted)
        this.#bytes += writeSync(file, piece, 0, Math.min(pieceBytes, wanted - this.#bytes));
      return undefined;
    } catch (error) {
      return troubleOf(error);
    } finally {
      if (file !== undefined) {
        this.#bytes = fstatSync(file).size;
        closeSync(file);
      }
    }
  }

  /**
   * Makes a piece of it the end of another file, as zeros, before somebody else takes what is free
   * for a moment. False when there is none left.
   */
  moveTo(target: number): boolean {
    if (this.#bytes === 0) return false;
    const left = Math.max(0, this.#bytes - pieceBytes);
    const zeros = Buffer.alloc(this.#bytes - left);
    const file = openSync(this.#path, 'r+');
    try {
      const end = fstatSync(target).size;
      ftruncateSync(file, left);
      this.#bytes = left;
      writeSync(target, zeros, 0, zeros.length, end);
    } catch (error) {
      // Somebody was quicker: the next piece may fare better.
      if (troubleOf(error) !== 'full') throw error;
    } finally {
      closeSync(file);
    }
    return true;
  }

  #wanted(): number {
    const { blocks, bsize } = statfsSync(dirname(this.#path));
    return Math.min(mostBytes, Math.floor((blocks * bsize * share) / 4096) * 4096);
  }
}

/** What root may still take: the server runs as root. */
function freeBytes(path: string): number {
  const { bfree, bsize } = statfsSync(dirname(path));
  return bfree * bsize;
}

/** What a failed call says of the disk; undefined when it failed for another reason. */
export function troubleOf(error: unknown): DiskTrouble | undefined {
  const { code } = error as { code?: string };
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') return 'full';
  if (code === 'EROFS') return 'read-only';
  return undefined;
}
