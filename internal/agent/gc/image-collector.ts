import type { Clock } from '../../io/clock.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Log } from '../../io/log.ts';

export interface StoredImage {
  id: string;
  sizeBytes: number;
  /** Never removed: the pause image. */
  pinned: boolean;
}

/** When images are collected; the defaults are the kubelet's. */
export interface ImageGcPolicy {
  /** Shares of the disk: above `highShare` images go until it is below `lowShare`. */
  highShare?: number;
  lowShare?: number;
  leastAgeMs?: number;
}

export interface ImageCollectorOptions {
  policy?: ImageGcPolicy;
  clock: Clock;
  log: Log;
  images(): Promise<StoredImage[]>;
  /** Ids of images that a container, running or not, was made from. */
  inUse(): Promise<ReadonlySet<string>>;
  remove(id: string): Promise<void>;
  room(): Promise<FilesystemRoom>;
  /** Events about the node: ImageGCFailed, FreeDiskSpaceFailed. */
  warn(reason: string, message: string): void;
}

const defaults = { highShare: 0.85, lowShare: 0.8, leastAgeMs: 120_000 };

interface Memory {
  seenMs: number;
  usedMs: number;
}

/** Removes images that nothing uses, when the disk is nearly full. */
export class ImageCollector {
  readonly #options: ImageCollectorOptions;
  readonly #policy: Required<ImageGcPolicy>;
  readonly #memory = new Map<string, Memory>();

  constructor(options: ImageCollectorOptions) {
    this.#options = options;
    this.#policy = { ...defaults, ...options.policy };
  }

  /** Looks, and frees what brings the disk below the low mark when it is above the high one. */
  async collect(): Promise<void> {
    const { room, warn } = this.#options;
    const { capacityBytes, availableBytes } = await room();
    if (capacityBytes === 0) return;
    const images = await this.#observe();
    const share = 1 - availableBytes / capacityBytes;
    const { highShare, lowShare } = this.#policy;
    if (share < highShare) return;
    const wanted = Math.ceil(capacityBytes * (1 - lowShare) - availableBytes);
    const freed = await this.#free(wanted, images);
    if (freed >= wanted) return;
    const message =
      `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, ` +
      `but only found ${freed} bytes eligible to free.`;
    warn('FreeDiskSpaceFailed', message);
  }

  /**
   * Removes every image that nothing uses, whatever the disk says: before anybody is evicted for
   * want of room.
   */
  async collectAll(): Promise<number> {
    return this.#free(Number.MAX_SAFE_INTEGER, await this.#observe(), 0);
  }

  async #observe(): Promise<(StoredImage & { used: boolean })[]> {
    const { clock, images, inUse } = this.#options;
    const [list, used] = await Promise.all([images(), inUse()]);
    const now = clock.monotonicMs();
    const present = new Set(list.map((image) => image.id));
    for (const id of this.#memory.keys()) if (!present.has(id)) this.#memory.delete(id);
    return list.map((image) => {
      const known = this.#memory.get(image.id) ?? { seenMs: now, usedMs: -1 };
      if (used.has(image.id)) known.usedMs = now;
      this.#memory.set(image.id, known);
      return { ...image, used: used.has(image.id) };
    });
  }

  async #free(
    wanted: number,
    images: (StoredImage & { used: boolean })[],
    age = this.#policy.leastAgeMs,
  ): Promise<number> {
    const { clock, remove, log } = this.#options;
    const memory = (image: StoredImage): Memory =>
      this.#memory.get(image.id) ?? { seenMs: -Infinity, usedMs: -1 };
    const idle = images.filter((image) => !image.used && !image.pinned);
    idle.sort((a, b) => memory(a).usedMs - memory(b).usedMs || memory(a).seenMs - memory(b).seenMs);
    let freed = 0;
    for (const image of idle) {
      if (freed >= wanted) break;
      if (clock.monotonicMs() - memory(image).seenMs < age) continue;
      try {
        await remove(image.id);
        this.#memory.delete(image.id);
        freed += image.sizeBytes;
      } catch (error) {
        log.warn('image was not removed', { image: image.id, error });
      }
    }
    return freed;
  }
}
