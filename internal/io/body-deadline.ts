import type { Readable } from 'node:stream';

/** How long the next piece of a body may take, and the whole. */
export interface BodyLimits {
  idleMs: number;
  totalMs: number;
}

/**
 * Calls `late` once when a body that is being read stalls or takes too long. Returns how to stop
 * looking.
 */
export function watchBody(body: Readable, limits: BodyLimits, late: () => void): () => void {
  const began = performance.now();
  let heard = began;
  let timer: NodeJS.Timeout | undefined;
  const hear = (): void => void (heard = performance.now());
  const stop = (): void => {
    clearTimeout(timer);
    body.off('data', hear);
  };
  const arm = (): void => {
    const now = performance.now();
    const left = Math.min(heard + limits.idleMs, began + limits.totalMs) - now;
    if (left <= 0) {
      stop();
      return late();
    }
    timer = setTimeout(arm, left);
    timer.unref();
  };
  body.on('data', hear);
  arm();
  return stop;
}
