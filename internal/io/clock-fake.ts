import { WallWatch } from './wall-watch.ts';
import type { Clock, Timer } from './clock.ts';
import { sleepBy } from './sleep.ts';

interface Pending {
  at: number;
  order: number;
  period: number;
  fn: () => void;
  cancelled: boolean;
}

/**
 * A clock that moves only when told to. Timers fire in the order of their time, then of their
 * making.
 */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;
  /** A heap: the earliest first. */
  readonly #pending: Pending[] = [];
  #live = 0;
  readonly #settle: () => Promise<void>;
  readonly #wall: WallWatch;
  /** What `earliestMs` says. */
  earliest = 0;

  /** `settle`: resolves when all that follows from a timer has happened. */
  constructor(startMs = Date.UTC(2026, 0, 1), settle = oneTurn) {
    this.#settle = settle;
    this.#wallMs = startMs;
    this.#wall = new WallWatch({
      wallMs: () => this.#wallMs,
      monotonicMs: () => this.#monotonicMs,
    });
  }

  now(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  earliestMs(): number {
    return this.earliest;
  }

  onJump(fn: (byMs: number) => void): () => void {
    return this.#wall.onJump(fn);
  }

  look(): void {
    this.#wall.look();
  }

  after(_op: string, delayMs: number, fn: () => void): Timer {
    return this.#add(delayMs, 0, fn);
  }

  every(_op: string, periodMs: number, fn: () => void): Timer {
    return this.#add(periodMs, periodMs, fn);
  }

  sleep(op: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy((...timer) => this.after(...timer), op, delayMs, signal);
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  jump(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Moves time forward, firing what falls due, and lets promises settle after each timer. */
  async advance(byMs: number): Promise<void> {
    await this.#settle();
    const end = this.#monotonicMs + byMs;
    for (;;) {
      const next = this.#next();
      if (!next || next.at > end) break;
      this.#moveTo(next.at);
      this.#pop();
      if (next.period > 0) {
        next.at += next.period;
        this.#push(next);
      } else {
        next.at = -1;
        this.#live -= 1;
      }
      this.#wall.look();
      next.fn();
      await this.#settle();
    }
    this.#moveTo(end);
    await this.#settle();
  }

  /** How many timers wait: an idle component should hold none. */
  get timers(): number {
    return this.#live;
  }

  #add(delayMs: number, period: number, fn: () => void): Timer {
    const entry: Pending = {
      at: this.#monotonicMs + Math.max(0, delayMs),
      order: this.#order++,
      period,
      fn,
      cancelled: false,
    };
    this.#live += 1;
    this.#push(entry);
    return {
      cancel: () => {
        // One that has fired, and does not fire again, is over already.
        if (entry.cancelled || entry.at < 0) return;
        entry.cancelled = true;
        this.#live -= 1;
      },
    };
  }

  #next(): Pending | undefined {
    while (this.#pending[0]?.cancelled) this.#pop();
    return this.#pending[0];
  }

  #push(entry: Pending): void {
    const heap = this.#pending;
    let at = heap.push(entry) - 1;
    for (let above = (at - 1) >> 1; at > 0 && before(entry, heap[above]!); above = (at - 1) >> 1) {
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#pending;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below += 1;
      if (!before(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }

  #moveTo(at: number): void {
    this.#wallMs += at - this.#monotonicMs;
    this.#monotonicMs = at;
  }
}

const before = (a: Pending, b: Pending): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

/** Several turns of the microtask queue and one of the event loop. */
async function oneTurn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
