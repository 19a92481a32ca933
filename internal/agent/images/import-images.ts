import { own } from '../../base/own.ts';
import { IoError, messageOf } from '../../base/errors.ts';
import { feedUnpacked } from '../../io/archive.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import { withDefaultTag } from './image-name.ts';

export interface ImportOptions {
  /** `<data-dir>/agent/images`. */
  imagesDir: string;
  /** Remembers what is in. */
  indexFile: string;
  ctr: string[];
  /** Fetches an image from its registry. */
  pull(name: string): Promise<void>;
  /** Whether the runtime still holds an image. */
  isThere(name: string): Promise<boolean>;
  /** An archive could not be imported; told once for each reason. */
  failed?(file: string, message: string): void;
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

/**
 * A file that is being copied changes for a while: it is read when it has been quiet for this long.
 */
const settleMs = 500;
const archive = /\.(tar|tar\.gz|tgz|tar\.zst|tzst|tar\.bz2|tbz|tbz2|tar\.lz4)$/;
/** Names of images to pull, one a line. */
const nameList = /\.txt$/;
const retryPullsMs = 60_000;
/** As the kernel and containerd say it. */
const noRoom = /no space left on device|ENOSPC|EDQUOT|disk quota exceeded/i;
const longestListBytes = 1024 * 1024;
const op = 'images.import';

/**
 * Brings images into the runtime, out of archives and by lists of names: all of the folder at
 * start, each new file when it is dropped in.
 */
export class ImageImporter {
  readonly #options: ImportOptions;
  #index: Record<string, Imported> = {};
  #unwatch: (() => void) | undefined;
  #timer: Timer | undefined;
  #retry: Timer | undefined;
  #retryScan: Timer | undefined;
  /** What was logged about which archive. */
  readonly #told = new Map<string, string>();
  #running: Promise<void> = Promise.resolve();
  #scans = 0;
  readonly #listed = new Map<string, string[]>();
  #pulling = false;
  /** The folder changed while images were pulled. */
  #again = false;
  #stopped = false;

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  /**
   * Names that came from archives, which cannot be pulled again, or stand in lists: nobody may
   * collect them.
   */
  names(): Set<string> {
    return new Set([
      ...Object.values(this.#index).flatMap((i) => i.names),
      ...[...this.#listed.values()].flat(),
    ]);
  }

  /** Resolves when all present archives are in; one that is broken is told and skipped. */
  async start(): Promise<void> {
    await this.#scan(() => this.#open());
    void this.#pullListed();
  }

  async #open(): Promise<void> {
    const { disk, imagesDir, indexFile, clock } = this.#options;
    await disk.makeDir(op, imagesDir);
    const known = await disk.readIfThere(op, indexFile);
    if (known) this.#index = parseIndex(known);
    this.#unwatch = disk.watch(op, imagesDir, () => {
      this.#timer?.cancel();
      this.#timer = clock.after(op, settleMs, () => this.#look());
    });
  }

  /** The runtime may have lost what was in. */
  async again(): Promise<void> {
    if (!this.#unwatch) return;
    await this.#scan();
    void this.#pullListed();
  }

  /**
   * Somebody removed an image that came from an archive: brings it back. False when it came from
   * none, or the archive is gone. While archives are being read it may be in one of them: a pod
   * that starts with the node must not ask a registry that nobody reaches.
   */
  async restore(name: string): Promise<boolean> {
    if (this.#scans > 0) {
      await this.#running;
      if (await this.#options.isThere(name)) return true;
    }
    if (!Object.values(this.#index).some(({ names }) => names.includes(name))) return false;
    await this.#scan();
    return await this.#options.isThere(name);
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch?.();
    this.#timer?.cancel();
    this.#retry?.cancel();
    this.#retryScan?.cancel();
  }

  /** Imports bytes, such as the embedded pause image. */
  async importBytes(bytes: Uint8Array): Promise<string[]> {
    const { spawn, ctr } = this.#options;
    const done = await spawn.run(op, [...ctr, 'images', 'import', '-'], { input: bytes });
    if (done.code !== 0)
      throw new IoError(`image import failed: ${done.stderr.trim()}`, { op, code: 'EXIT' });
    return namesIn(done.stdout.toString());
  }

  #scan(first?: () => Promise<void>): Promise<void> {
    this.#scans++;
    const scanned = this.#running
      .then(first)
      .then(() => this.#scanOnce())
      .finally(() => {
        this.#scans--;
      });
    this.#running = scanned.catch(() => undefined);
    return scanned;
  }

  /** A folder that cannot be read now is looked at with its next change. */
  #look(): void {
    this.#scan().then(
      () => this.#pullListed(),
      (error: unknown) =>
        this.#options.log.warn('images were not looked for', { error: messageOf(error) }),
    );
  }

  async #scanOnce(): Promise<void> {
    const { disk, imagesDir, clock } = this.#options;
    let crowded = false;
    for (const name of (await disk.list(op, imagesDir)).filter((n) => archive.test(n)).sort()) {
      try {
        await this.#import(name);
        this.#told.delete(name);
      } catch (error) {
        crowded ||= noRoom.test(messageOf(error));
        this.#tell(name, messageOf(error));
      }
    }
    // A broken archive is read again when it changes; one for which there was no room, without
    // anybody's doing.
    this.#retryScan?.cancel();
    if (crowded && !this.#stopped)
      this.#retryScan = clock.after(op, retryPullsMs, () => this.#look());
  }

  #tell(name: string, message: string): void {
    if (this.#told.get(name) === message) return;
    this.#told.set(name, message);
    this.#options.log.warn('image archive was not imported', { file: name, error: message });
    this.#options.failed?.(name, message);
  }

  /**
   * Pulls what the lists name and the runtime lacks, one after the other; a registry that is away
   * is asked again later.
   */
  async #pullListed(): Promise<void> {
    if (this.#stopped) return;
    this.#again = this.#pulling;
    if (this.#pulling) return;
    this.#pulling = true;
    const { disk, imagesDir, clock, log } = this.#options;
    let failed = false;
    try {
      await this.#readLists(disk, imagesDir);
      for (const name of new Set([...this.#listed.values()].flat())) {
        try {
          if (!this.#stopped && !(await this.#options.isThere(name))) {
            await this.#options.pull(name);
            log.info('image pulled', { name });
          }
        } catch (error) {
          failed = true;
          log.warn('image of a list was not pulled', { name, error: messageOf(error) });
        }
      }
    } catch (error) {
      failed = true;
      log.warn('lists of images were not read', { error: messageOf(error) });
    } finally {
      this.#pulling = false;
    }
    if (this.#again) return void this.#pullListed();
    this.#retry?.cancel();
    if (failed && !this.#stopped)
      this.#retry = clock.after(op, retryPullsMs, () => void this.#pullListed());
  }

  async #readLists(disk: Disk, imagesDir: string): Promise<void> {
    const lists = (await disk.list(op, imagesDir)).filter((n) => nameList.test(n)).sort();
    for (const list of this.#listed.keys()) if (!lists.includes(list)) this.#listed.delete(list);
    for (const list of lists) {
      const path = `${imagesDir}/${list}`;
      const stat = await disk.stat(op, path);
      if (stat?.kind !== 'file' || stat.size > longestListBytes) continue;
      this.#listed.set(
        list,
        namesOf((await disk.read(op, path)).toString(), (line) =>
          this.#options.log.warn('not the name of an image', {
            file: list,
            line: line.slice(0, 100),
          }),
        ),
      );
    }
  }

  async #import(name: string): Promise<void> {
    const { disk, imagesDir, indexFile, clock, log } = this.#options;
    const path = `${imagesDir}/${name}`;
    const stat = await disk.stat(op, path);
    if (!stat) return;
    const known = own(this.#index, name);
    const same = known?.size === stat.size && known.mtimeMs === stat.mtimeMs;
    if (
      same &&
      (await Promise.all(known.names.map((n) => this.#options.isThere(n)))).every(Boolean)
    )
      return;
    const started = clock.monotonicMs();
    const names = await this.#feed(path);
    this.#index[name] = { size: stat.size, mtimeMs: stat.mtimeMs, names };
    await disk.writeAtomic(op, indexFile, JSON.stringify(this.#index));
    log.info('images imported', {
      file: name,
      names,
      ms: Math.round(clock.monotonicMs() - started),
    });
  }

  async #feed(path: string): Promise<string[]> {
    const { spawn, ctr } = this.#options;
    const child = spawn.start(op, [...ctr, 'images', 'import', '-'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout?.on('data', (d: Buffer) => (out += d.toString()));
    child.stderr?.on('data', (d: Buffer) => (err += d.toString()));
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? -1));
    });
    const fed = await feedUnpacked(op, path, child.stdin!).catch(
      (error: unknown) => error as Error,
    );
    const code = await ended;
    if (code !== 0)
      throw new IoError(err.trim().slice(-500) || messageOf(fed), { op, code: 'EXIT' });
    return namesIn(out);
  }
}

/** One name a line; empty lines and comments do not count. */
function namesOf(text: string, wrong: (line: string) => void): string[] {
  const found: string[] = [];
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    try {
      found.push(withDefaultTag(line));
    } catch {
      wrong(line);
    }
  }
  return found;
}

/** ctr says `unpacking NAME (DIGEST)...done`. */
function namesIn(output: string): string[] {
  return [...output.matchAll(/^(?:unpacking )?(\S+:\S+|\S+@sha256:\S+)\s.*$/gm)]
    .map((m) => m[1]!)
    .filter((n) => !n.startsWith('sha256:'));
}

function parseIndex(bytes: Buffer): Record<string, Imported> {
  try {
    return JSON.parse(bytes.toString()) as Record<string, Imported>;
  } catch {
    return {}; // a lost index costs one import more
  }
}
