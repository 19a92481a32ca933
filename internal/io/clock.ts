import { buildInfo } from './assets.ts';
import { sleepBy } from './sleep.ts';
import { WallWatch } from './wall-watch.ts';

/**
 * Time as the program sees it. Every component takes a Clock; only this file touches the real one.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds that never go backwards; only differences mean anything. */
  monotonicMs(): number;
  /**
   * No true time is before this, that of the build or the last that was seen: a wall clock that
   * says less is wrong.
   */
  earliestMs(): number;
  /**
   * Calls `fn` when the wall clock was set, by this much; returns how to stop. Noticed when a timer
   * fires, or somebody looks.
   */
  onJump(fn: (byMs: number) => void): () => void;
  /** Something happened that a jump of the wall clock would explain: notices one now. */
  look(): void;
  /** Runs `fn` once after `delayMs`. The timer does not keep the process alive. */
  after(op: string, delayMs: number, fn: () => void): Timer;
  /** Runs `fn` every `periodMs` until cancelled. Reserved for slow backstops. */
  every(op: string, periodMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(op: string, delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes at most 2^31-1 ms; longer waits are cut into pieces. */
const longestTimerMs = 0x7fffffff;

const wall = new WallWatch({ wallMs: () => Date.now(), monotonicMs: () => performance.now() });
let seenMs = 0;

/** The time was at least this in an earlier run. */
export function wasSeen(atMs: number): void {
  seenMs = atMs;
}

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  earliestMs: () => Math.max(buildInfo().builtMs, seenMs),
  onJump: (fn) => wall.onJump(fn),
  look: () => wall.look(),
  after(_op, delayMs, fn) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      const step = Math.min(left, longestTimerMs);
      handle = setTimeout(() => {
        wall.look();
        if (left > step) arm(left - step);
        else fn();
      }, step);
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
  sleep: (op, delayMs, signal) => sleepBy(realClock.after, op, delayMs, signal),
};
