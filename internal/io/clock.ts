/** Time as the program sees it. Every component takes a Clock; only this file touches the real one. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds that never go backwards; only differences mean anything. */
  monotonicMs(): number;
  /** Runs `fn` once after `delayMs`. The timer does not keep the process alive. */
  after(op: string, delayMs: number, fn: () => void): Timer;
  /** Runs `fn` every `periodMs` until cancelled. Reserved for slow backstops. */
  every(op: string, periodMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(op: string, delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes at most 2^31-1 ms; longer waits are cut into pieces. */
const longestTimerMs = 0x7fffffff;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(_op, delayMs, fn) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      const step = Math.min(left, longestTimerMs);
      handle = setTimeout(() => (left > step ? arm(left - step) : fn()), step);
      handle.unref();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
  every(_op, periodMs, fn) {
    const handle = setInterval(fn, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
  sleep(op, delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = realClock.after(op, delayMs, done);
      signal?.addEventListener('abort', done);
    });
  },
};
