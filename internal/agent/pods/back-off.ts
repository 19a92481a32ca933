import type { Pod } from '../../api/generated/types/core-v1.ts';

/** The kubelet's container restart and image pull back-off. */
export const firstBackOffMs = 10_000;
export const longestBackOffMs = 300_000;
/** Keys of pods long gone are swept when this many are held. */
const mostKeys = 4096;

interface Entry {
  backOffMs: number;
  lastMs: number;
  /**
   * A time that was said to be and is still to come, and when that was first seen: the clock was
   * set back since.
   */
  ahead?: { sinceMs: number; seenMs: number };
}

/**
 * Exponential waits by key (client-go flowcontrol.Backoff): doubled at each use, forgotten after
 * twice the longest wait.
 */
export class BackOff {
  readonly #entries = new Map<string, Entry>();

  /** How long after `sinceMs` the key must wait; 0 when it need not (any more). */
  remainingMs(key: string, sinceMs: number, nowMs: number): number {
    const entry = this.#entries.get(key);
    if (!entry || expired(entry, sinceMs)) return 0;
    if (sinceMs > nowMs && entry.ahead?.sinceMs !== sinceMs)
      entry.ahead = { sinceMs, seenMs: nowMs };
    const fromMs = entry.ahead?.sinceMs === sinceMs ? Math.min(entry.ahead.seenMs, nowMs) : sinceMs;
    return Math.max(0, fromMs + entry.backOffMs - nowMs);
  }

  current(key: string): number {
    return this.#entries.get(key)?.backOffMs ?? 0;
  }

  /** Counts one more failure. */
  next(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (!entry || expired(entry, nowMs))
      this.#entries.set(key, { backOffMs: firstBackOffMs, lastMs: nowMs });
    else {
      entry.backOffMs = Math.min(longestBackOffMs, entry.backOffMs * 2);
      entry.lastMs = nowMs;
    }
    if (this.#entries.size > mostKeys) this.#sweep(nowMs);
  }

  /** Takes up what an earlier life of the agent had counted; what is known here is newer. */
  restore(key: string, known: { backOffMs: number; lastMs: number }): void {
    if (!this.#entries.has(key)) this.#entries.set(key, { ...known });
  }

  lastMs(key: string): number {
    return this.#entries.get(key)?.lastMs ?? 0;
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #sweep(nowMs: number): void {
    for (const [key, entry] of this.#entries) if (expired(entry, nowMs)) this.#entries.delete(key);
  }
}

function expired(entry: Entry, atMs: number): boolean {
  return atMs - entry.lastMs > longestBackOffMs * 2;
}

/**
 * What a container's restarts are counted under. Another image or other resources are a new try
 * (kubelet's GetBackoffKey).
 */
export function backOffKey(
  { metadata, spec }: Pick<Pod, 'metadata' | 'spec'>,
  name: string,
): string {
  const container = [...(spec.initContainers ?? []), ...spec.containers].find(
    (one) => one.name === name,
  );
  const { image = '', resources = {} } = container ?? {};
  return `${metadata.uid}/${name}/${image}/${JSON.stringify(resources)}`;
}

/** A duration as Go prints it: `10s`, `1m20s`, `5m0s`. */
export function goDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 1) return `${ms}ms`;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Number((seconds % 60).toFixed(3));
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}
