import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { StoreError } from '../errors.ts';

/**
 * https://www.sqlite.org/fileformat2.html#walformat; the lowest bit of the magic number says how
 * checksums read words.
 */
const headerBytes = 32;
const frameHeaderBytes = 24;
const magicLittle = 0x377f0682;
const magicBig = 0x377f0683;
const salts = { header: 16, frame: 8 };
const sums = { header: 24, frame: 16 };

type Sum = [number, number];

/**
 * Refuses a write-ahead log that lost commits. SQLite reads it up to the first frame that is
 * damaged and takes that for the end, as a power cut leaves it; but a power cut damages only the
 * newest commit, for each is synced before the next is begun. Where a whole commit, and something
 * written after it, stands behind the damage, the damage came later. What cannot be told from a
 * torn end is damage in the newest commit, or in the last frame of the one before.
 */
export function checkWal(path: string): void {
  const wal = `${path}-wal`;
  if (!existsSync(wal)) return;
  const frames = Frames.read(readFileSync(wal));
  if (frames === undefined) return;
  const damaged = frames.headed ? frames.firstDamaged() : 0;
  // A log of which SQLite reads nothing may be one whose every page was in the database when it was
  // to be started over.
  const lost =
    damaged > 0
      ? frames.commitIsFollowed(damaged + 1)
      : frames.commitIsFollowed(1) && frames.lacksIn(path);
  if (!lost) return;
  const at = frames.headed ? frames.offset(damaged) : 0;
  throw new StoreError(
    'CORRUPT',
    `the write-ahead log is damaged at byte ${at}, and commits behind it are not`,
    { op: 'open' },
  );
}

class Frames {
  readonly #bytes: Buffer;
  readonly #pageBytes: number;
  readonly #big: boolean;
  /** True when the header is whole; SQLite ignores the whole log otherwise. */
  readonly headed: boolean;
  readonly #salt: Buffer;
  readonly count: number;

  /** Undefined when there is nothing that could be a frame. */
  static read(bytes: Buffer): Frames | undefined {
    const frames = bytes.length < headerBytes + frameHeaderBytes ? undefined : new Frames(bytes);
    return frames === undefined || frames.count === 0 ? undefined : frames;
  }

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const magic = bytes.readUInt32BE(0);
    this.#big = magic === magicBig;
    const pageBytes = bytes.readUInt32BE(8);
    this.headed =
      (magic === magicLittle || magic === magicBig) &&
      this.#equals(sums.header, this.#sum([0, 0], 0, sums.header));
    // Our files have pages of 4096 bytes, whatever a damaged header says.
    this.#pageBytes = this.headed ? pageBytes : 4096;
    this.count = Math.floor((bytes.length - headerBytes) / (frameHeaderBytes + this.#pageBytes));
    const saltAt = this.headed ? salts.header : headerBytes + salts.frame;
    this.#salt = bytes.subarray(saltAt, saltAt + 8);
  }

  offset(frame: number): number {
    return headerBytes + frame * (frameHeaderBytes + this.#pageBytes);
  }

  /** The first frame at which SQLite stops reading. */
  firstDamaged(): number {
    for (let frame = 0; frame < this.count; frame++) if (!this.#follows(frame)) return frame;
    return this.count;
  }

  /** True when a commit, at or behind `from`, is whole and has a whole frame behind it. */
  commitIsFollowed(from: number): boolean {
    for (let frame = Math.max(1, from); frame + 1 < this.count; frame++) {
      if (this.#commits(frame) && this.#follows(frame) && this.#follows(frame + 1)) return true;
    }
    return false;
  }

  /**
   * True when the database lacks a page of the commits that can be read without the first frame.
   */
  lacksIn(path: string): boolean {
    const newest = new Map<number, number>();
    let waiting: number[] = [];
    for (let frame = 1; frame < this.count && this.#follows(frame); frame++) {
      waiting.push(frame);
      if (!this.#commits(frame)) continue;
      for (const each of waiting) newest.set(this.#bytes.readUInt32BE(this.offset(each)), each);
      waiting = [];
    }
    const file = openSync(path, 'r');
    try {
      const page = Buffer.alloc(this.#pageBytes);
      for (const [number, frame] of newest) {
        const at = this.offset(frame) + frameHeaderBytes;
        const read = readSync(file, page, 0, page.length, (number - 1) * page.length);
        if (read !== page.length || !page.equals(this.#bytes.subarray(at, at + page.length)))
          return true;
      }
      return false;
    } finally {
      closeSync(file);
    }
  }

  /** The size of the database after a commit stands in its last frame. */
  #commits(frame: number): boolean {
    return this.#bytes.readUInt32BE(this.offset(frame) + 4) > 0;
  }

  /** True when a frame is whole, and was written behind the one before it. */
  #follows(frame: number): boolean {
    const at = this.offset(frame);
    if (!this.#bytes.subarray(at + salts.frame, at + salts.frame + 8).equals(this.#salt))
      return false;
    const beforeAt = frame === 0 ? sums.header : this.offset(frame - 1) + sums.frame;
    const before: Sum = [
      this.#bytes.readUInt32BE(beforeAt),
      this.#bytes.readUInt32BE(beforeAt + 4),
    ];
    const head = this.#sum(before, at, at + 8);
    return this.#equals(
      at + sums.frame,
      this.#sum(head, at + frameHeaderBytes, at + frameHeaderBytes + this.#pageBytes),
    );
  }

  #sum([a, b]: Sum, from: number, to: number): Sum {
    const bytes = this.#bytes;
    for (let at = from; at < to; at += 8) {
      a = (a + (this.#big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + b) >>> 0;
      b = (b + (this.#big ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + a) >>> 0;
    }
    return [a, b];
  }

  #equals(at: number, [a, b]: Sum): boolean {
    return this.#bytes.readUInt32BE(at) === a && this.#bytes.readUInt32BE(at + 4) === b;
  }
}
