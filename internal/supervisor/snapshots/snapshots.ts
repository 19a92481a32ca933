import { basename, join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import { settleFile } from '../../io/file-writer.ts';
import type { Log } from '../../io/log.ts';
import { zipFile } from '../../io/zip.ts';
import { checkPrefix, pruneSnapshots, snapshotName, type SnapshotFile } from './folder.ts';

const op = 'snapshot';
const unfinished = '.part';
/**
 * Remembers what the last scheduled snapshot was of, for stores that may not have changed since.
 */
const lastFile = '.last.json';

/** How a kind of store is copied and judged. */
export interface SnapshotEngine {
  /** Writes a copy of the running store to a path where nothing is. */
  copy(path: string): Promise<void>;
  /** Reads the copy to the last byte; throws when it is not whole. */
  verify(path: string): Promise<void>;
  /** The same text as long as nothing changed that is worth a snapshot. */
  fingerprint?(): Promise<string>;
}

export interface SaveRequest {
  prefix: string;
  dir: string;
  compress: boolean;
  /** Keep so many of this prefix and node; undefined = all. */
  retention?: number;
}

/** Takes snapshots of the store of a running server, one at a time. */
export class Snapshots {
  readonly #engine: SnapshotEngine;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #node: string;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: {
    engine: SnapshotEngine;
    node: string;
    disk: Disk;
    clock: Clock;
    log: Log;
  }) {
    this.#engine = options.engine;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#node = options.node;
  }

  /** Takes one. When it resolves, the file is whole, verified, and durable under its name. */
  save(request: SaveRequest): Promise<SnapshotFile> {
    return this.#inTurn(() => this.#save(request));
  }

  /** Takes one unless the store is as it was at the last one; undefined then. */
  saveIfChanged(request: SaveRequest): Promise<SnapshotFile | undefined> {
    return this.#inTurn(async () => {
      const fingerprint = await this.#engine.fingerprint?.();
      if (fingerprint !== undefined && (await this.#isLast(request.dir, fingerprint)))
        return undefined;
      const file = await this.#save(request);
      if (fingerprint !== undefined)
        await this.#disk.writeAtomic(
          op,
          join(request.dir, lastFile),
          JSON.stringify({ name: file.name, fingerprint }),
          { mode: 0o600 },
        );
      return file;
    });
  }

  async #save({ prefix, dir, compress, retention }: SaveRequest): Promise<SnapshotFile> {
    checkPrefix(prefix);
    await this.#disk.makeDir(op, dir, 0o700);
    const nowMs = this.#clock.now();
    const name = snapshotName({ prefix, node: this.#node, nowMs, compress });
    const path = join(dir, name);
    if (await this.#disk.stat(op, path))
      throw new ConfigError(`${path} exists already`, {
        op,
        hint: 'wait a second, or give another name',
      });
    // Secrets are in it: what is half done lies in a folder that only root can enter, whoever
    // writes it.
    const work = join(dir, `.${name}${unfinished}`);
    const raw = join(work, name.replace(/\.zip$/, ''));
    try {
      await this.#disk.makeDir(op, work, 0o700);
      await this.#engine.copy(raw);
      await this.#engine.verify(raw);
      if (compress)
        await zipFile(op, {
          source: raw,
          name: basename(raw),
          temporary: join(work, 'packed'),
          target: path,
        });
      else await settleFile(op, { temporary: raw, target: path, mode: 0o600 });
    } finally {
      await this.#disk.remove(op, work);
    }
    const bytes = (await this.#disk.stat(op, path))?.size ?? 0;
    this.#log.info('snapshot taken', { path, bytes, ms: this.#clock.now() - nowMs });
    if (retention !== undefined && retention > 0) {
      const gone = await pruneSnapshots(this.#disk, dir, {
        prefix,
        node: this.#node,
        keep: retention,
      });
      if (gone.length > 0)
        this.#log.info('old snapshots removed', { files: gone.map((file) => file.name) });
    }
    return { name, path, bytes, createdMs: Math.floor(nowMs / 1000) * 1000 };
  }

  /** Removes what a process that was killed left half written. */
  async sweep(dir: string): Promise<void> {
    for (const name of await this.#disk.list(op, dir))
      if (name.startsWith('.') && name.endsWith(unfinished))
        await this.#disk.remove(op, join(dir, name));
  }

  async #isLast(dir: string, fingerprint: string): Promise<boolean> {
    const text = await this.#disk.readIfThere(op, join(dir, lastFile));
    if (!text) return false;
    try {
      const last = JSON.parse(text.toString()) as { name?: string; fingerprint?: string };
      return (
        last.fingerprint === fingerprint &&
        (await this.#disk.stat(op, join(dir, String(last.name)))) !== undefined
      );
    } catch {
      return false; // a note that cannot be read is no note
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}
