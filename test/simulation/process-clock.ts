import type { Clock, Timer } from '../../internal/io/clock.ts';
import { FakeClock } from '../../internal/io/clock-fake.ts';
import { turnsPending } from '../../internal/io/turn.ts';
import { WallWatch } from '../../internal/io/wall-watch.ts';
import { sleepBy } from '../../internal/io/sleep.ts';

/** The time of all machines. Nothing moves it but the simulation; idle time costs nothing. */
export function timeline(startMs: number): FakeClock {
  return new FakeClock(startMs, settled);
}

/** After so many timers the event loop has a turn: signals, and what garbage collection left. */
const timersPerTurn = 1000;
let timers = 0;

/**
 * Everything that follows from what happened has happened: only timers are left. A tick that is
 * asked for by a promise comes when no promise has anything left to do.
 */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  while (turnsPending() > 0 || ++timers % timersPerTurn === 0)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The wall clock of one machine, which somebody may set. */
export interface Wall {
  offsetMs: number;
}

/** The clock of one process. After its end nothing that waited on it goes on. */
export class ProcessClock implements Clock {
  readonly #timeline: FakeClock;
  readonly #wall: Wall;
  readonly #watch: WallWatch;
  readonly #timers = new Set<Timer>();
  #dead = false;

  constructor(time: FakeClock, wall: Wall) {
    this.#timeline = time;
    this.#wall = wall;
    this.#watch = new WallWatch({
      wallMs: () => this.now(),
      monotonicMs: () => time.monotonicMs(),
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  now(): number {
    return Math.floor(this.#timeline.now() + this.#wall.offsetMs);
  }

  monotonicMs(): number {
    return this.#timeline.monotonicMs();
  }

  earliestMs(): number {
    return 0;
  }

  onJump(fn: (byMs: number) => void): () => void {
    return this.#watch.onJump((byMs) => {
      if (!this.#dead) fn(byMs);
    });
  }

  look(): void {
    this.#watch.look();
  }

  after(op: string, delayMs: number, fn: () => void): Timer {
    if (this.#dead) return { cancel: () => undefined };
    const inner = this.#timeline.after(op, delayMs, () => {
      this.#timers.delete(timer);
      this.#watch.look();
      if (!this.#dead) fn();
    });
    const timer = this.#held(inner);
    return timer;
  }

  every(op: string, periodMs: number, fn: () => void): Timer {
    if (this.#dead) return { cancel: () => undefined };
    const tick = (): void => {
      if (!this.#dead) fn();
    };
    return this.#held(this.#timeline.every(op, periodMs, tick));
  }

  sleep(op: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy((...timer) => this.after(...timer), op, delayMs, signal);
  }

  #held(inner: Timer): Timer {
    const timer = {
      cancel: () => {
        inner.cancel();
        this.#timers.delete(timer);
      },
    };
    this.#timers.add(timer);
    return timer;
  }
}
