import { own } from '../../base/own.ts';
import { IoError, messageOf } from '../../base/errors.ts';
import { feedUnpacked } from '../../io/archive.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';

export interface ImportOptions {
  /** `<data-dir>/agent/images`. */
  imagesDir: string;
  /** Remembers what is in. */
  indexFile: string;
  ctr: string[];
  /** Whether the runtime still holds an image. */
  isThere(name: string): Promise<boolean>;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
}

interface Imported {
  size: number;
  mtimeMs: number;
  names: string[];
}

/** A file that is being copied changes for a while: it is read when it has been quiet for this long. */
const settleMs = 500;
const archive = /\.(tar|tar\.gz|tgz|tar\.zst|tzst)$/;
const op = 'images.import';

/** Brings archives into the runtime: all of the folder at start, each new one when it is dropped in. */
export class ImageImporter {
  readonly #options: ImportOptions;
  #index: Record<string, Imported> = {};
  #unwatch: (() => void) | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  /** Names that came from archives: they cannot be pulled again, so nobody may collect them. */
  names(): Set<string> {
    return new Set(Object.values(this.#index).flatMap((i) => i.names));
  }

  /** Resolves when all present archives are in; one that is broken is told and skipped. */
  async start(): Promise<void> {
    const { disk, imagesDir, indexFile, clock } = this.#options;
    await disk.makeDir(op, imagesDir);
    const known = await disk.readIfThere(op, indexFile);
    if (known) this.#index = parseIndex(known);
    this.#unwatch = disk.watch(op, imagesDir, () => {
      this.#timer?.cancel();
      this.#timer = clock.after(op, settleMs, () => void this.#scan());
    });
    await this.#scan();
  }

  stop(): void {
    this.#unwatch?.();
    this.#timer?.cancel();
  }

  /** Imports bytes, such as the embedded pause image. */
  async importBytes(bytes: Uint8Array): Promise<string[]> {
    const { spawn, ctr } = this.#options;
    const done = await spawn.run(op, [...ctr, 'images', 'import', '-'], { input: bytes });
    if (done.code !== 0) throw new IoError(`image import failed: ${done.stderr.trim()}`, { op, code: 'EXIT' });
    return namesIn(done.stdout.toString());
  }

  #scan(): Promise<void> {
    this.#running = this.#running.then(() => this.#scanOnce());
    return this.#running;
  }

  async #scanOnce(): Promise<void> {
    const { disk, imagesDir, log } = this.#options;
    for (const name of (await disk.list(op, imagesDir)).filter((n) => archive.test(n)).sort()) {
      try {
        await this.#import(name);
      } catch (error) {
        log.warn('image archive was not imported', { file: name, error: messageOf(error) });
      }
    }
  }

  async #import(name: string): Promise<void> {
    const { disk, imagesDir, indexFile, clock, log } = this.#options;
    const path = `${imagesDir}/${name}`;
    const stat = await disk.stat(op, path);
    if (!stat) return;
    const known = own(this.#index, name);
    const same = known?.size === stat.size && known.mtimeMs === stat.mtimeMs;
    if (same && (await Promise.all(known.names.map((n) => this.#options.isThere(n)))).every(Boolean)) return;
    const started = clock.monotonicMs();
    const names = await this.#feed(path);
    this.#index[name] = { size: stat.size, mtimeMs: stat.mtimeMs, names };
    await disk.writeAtomic(op, indexFile, JSON.stringify(this.#index));
    log.info('images imported', { file: name, names, ms: Math.round(clock.monotonicMs() - started) });
  }

  async #feed(path: string): Promise<string[]> {
    const { spawn, ctr } = this.#options;
    const child = spawn.start(op, [...ctr, 'images', 'import', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout?.on('data', (d: Buffer) => (out += d.toString()));
    child.stderr?.on('data', (d: Buffer) => (err += d.toString()));
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? -1));
    });
    const fed = await feedUnpacked(op, path, child.stdin!).catch((error: unknown) => error as Error);
    const code = await ended;
    if (code !== 0) throw new IoError(err.trim().slice(-500) || messageOf(fed), { op, code: 'EXIT' });
    return namesIn(out);
  }
}

/** ctr says `unpacking NAME (DIGEST)...done`. */
function namesIn(output: string): string[] {
  return [...output.matchAll(/^(?:unpacking )?(\S+:\S+|\S+@sha256:\S+)\s.*$/gm)].map((m) => m[1]!).filter((n) => !n.startsWith('sha256:'));
}

function parseIndex(bytes: Buffer): Record<string, Imported> {
  try {
    return JSON.parse(bytes.toString()) as Record<string, Imported>;
  } catch {
    return {}; // a lost index costs one import more
  }
}
