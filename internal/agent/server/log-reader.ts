import { dirname, basename } from 'node:path';
import type { Disk } from '../../io/disk.ts';
import { openReader, type FileReader } from '../../io/file-reader.ts';
import { nanosOf, parseLogLine } from './log-line.ts';

export interface LogOptions {
  follow: boolean;
  timestamps: boolean;
  tailLines: number | undefined;
  limitBytes: number | undefined;
  /** Nanoseconds since 1970. */
  since: bigint | undefined;
  stream: 'All' | 'Stdout' | 'Stderr';
}

/** How much is read at once. */
const pieceBytes = 64 * 1024;
/** `<pod>/<container>/<n>.log`: these folders are the runtime's own, never links. */
const logFolders = 2;
/** A line longer than this is given out in pieces; the runtime cuts at 16 KB. */
const mostLineBytes = 1024 * 1024;

/**
 * Gives out a container's log as `kubectl logs` shows it. `write` resolves when the client has
 * room. Following ends when `ended` resolves and the file is read to its end, or when `signal`
 * aborts.
 */
export async function readLog(
  path: string,
  options: LogOptions,
  effects: {
    disk: Disk;
    ended: Promise<void>;
    signal: AbortSignal;
    write(data: Buffer): Promise<void>;
  },
): Promise<void> {
  const out = new Output(options, effects.write);
  let reader = await openReader('log.open', path, { held: logFolders });
  if (!reader && !options.follow) return;
  const news = options.follow ? new News(effects, path) : undefined;
  let position = 0;
  try {
    const size = (await reader?.size()) ?? 0;
    if (reader && options.tailLines !== undefined)
      position = await tailStart(reader, options.tailLines, size);
    // Lines that come while these are read would be more than the number asked for.
    const end = options.follow ? Infinity : size;
    while (!out.full && !effects.signal.aborted) {
      // read before the file, so that nothing written before the end is missed
      const over = news?.over ?? true;
      if (reader) position = await drain(reader, position, end, out, effects.signal);
      if (out.full) break;
      const next = options.follow ? await rotated(path, reader) : undefined;
      if (next) {
        await reader?.close();
        [reader, position] = [next, 0];
        out.cut();
      } else if (over) break;
      else await news?.wait();
    }
  } finally {
    news?.stop();
    await reader?.close();
  }
}

/** Reads to `end` or the end of the file; returns the place where it stopped. */
async function drain(
  reader: FileReader,
  start: number,
  end: number,
  out: Output,
  signal: AbortSignal,
): Promise<number> {
  let position = start;
  while (!out.full && !signal.aborted) {
    const piece = await reader.read(position, Math.min(pieceBytes, end - position));
    if (piece.length === 0) return position;
    position += piece.length;
    await out.take(piece);
  }
  return position;
}

/** The new file, when the name leads to another one than the one held. */
async function rotated(
  path: string,
  reader: FileReader | undefined,
): Promise<FileReader | undefined> {
  const now = await openReader('log.open', path, { held: logFolders });
  if (!now || now.ino !== reader?.ino) return now;
  await now.close();
  return undefined;
}

/** Where the last `lines` lines begin, found by reading backwards. */
async function tailStart(reader: FileReader, lines: number, size: number): Promise<number> {
  if (lines <= 0) return size;
  let found = 0;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - pieceBytes);
    const piece = await reader.read(start, end - start);
    for (let i = piece.length - 1; i >= 0; i--) {
      if (piece[i] !== 0x0a || start + i === size - 1) continue;
      if (++found === lines) return start + i + 1;
    }
    end = start;
  }
  return 0;
}

class Output {
  full = false;
  readonly #options: LogOptions;
  readonly #write: (data: Buffer) => Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #left: number;
  /** Streams in the middle of a line: their next piece gets no time stamp. */
  readonly #open = new Set<string>();

  constructor(options: LogOptions, write: (data: Buffer) => Promise<void>) {
    this.#options = options;
    this.#write = write;
    this.#left = options.limitBytes ?? Infinity;
  }

  async take(piece: Buffer): Promise<void> {
    const data = this.#rest.length ? Buffer.concat([this.#rest, piece]) : piece;
    const parts: Buffer[] = [];
    let at = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, at)) {
      this.#line(data.subarray(at, end), parts);
      at = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(at));
    if (this.#rest.length > mostLineBytes) this.cut();
    if (parts.length) await this.#put(Buffer.concat(parts));
  }

  /** Forgets a line that will not go on. */
  cut(): void {
    this.#rest = Buffer.alloc(0);
  }

  #line(raw: Buffer, into: Buffer[]): void {
    const line = parseLogLine(raw);
    const { stream, since, timestamps } = this.#options;
    if (!line || (stream !== 'All' && stream.toLowerCase() !== line.stream)) return;
    if (since !== undefined && (nanosOf(line.time) ?? 0n) < since) return;
    if (timestamps && !this.#open.has(line.stream)) into.push(Buffer.from(`${line.time} `));
    if (line.partial) this.#open.add(line.stream);
    else this.#open.delete(line.stream);
    into.push(line.text);
  }

  async #put(data: Buffer): Promise<void> {
    const cut = data.subarray(0, Math.min(data.length, this.#left));
    this.#left -= cut.length;
    this.full = this.#left <= 0;
    if (cut.length) await this.#write(cut);
  }
}

/** Wakes a follower when its folder changes, when the container ends, or when the client goes. */
class News {
  over = false;
  #changed = false;
  #wake: (() => void) | undefined;
  #unwatch: () => void = () => undefined;

  constructor(effects: { disk: Disk; ended: Promise<void>; signal: AbortSignal }, path: string) {
    const name = basename(path);
    try {
      this.#unwatch = effects.disk.watch(
        'log.watch',
        dirname(path),
        (changed) => changed === name && this.#wakeReader(),
      );
    } catch {
      this.over = true; // the folder is gone: give out what there is
    }
    void effects.ended.then(() => {
      this.over = true;
      this.#wakeReader();
    });
    effects.signal.addEventListener('abort', () => this.#wakeReader());
  }

  async wait(): Promise<void> {
    if (!this.#changed) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#changed = false;
  }

  stop(): void {
    this.#unwatch();
  }

  #wakeReader(): void {
    this.#changed = true;
    this.#wake?.();
    this.#wake = undefined;
  }
}
