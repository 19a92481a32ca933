import { WallWatch } from './wall-watch.ts';
import type { Clock, Timer } from './clock.ts';

interface Pending {
  at: number;
  order: number;
  period: number;
  fn: () => void;
}

/**
 * A clock that moves only when told to. Timers fire in the order of their time, then of their
 * making.
 */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();
  readonly #wall: WallWatch;
  /** What `earliestMs` says. */
  earliest = 0;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
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
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = this.after(op, delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  jump(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Moves time forward, firing what falls due, and lets promises settle after each timer. */
  async advance(byMs: number): Promise<void> {
    await settle();
    const end = this.#monotonicMs + byMs;
    for (;;) {
      const next = this.#next();
      if (!next || next.at > end) break;
      this.#moveTo(next.at);
      if (next.period > 0) next.at += next.period;
      else this.#pending.delete(next);
      this.#wall.look();
      next.fn();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** How many timers wait: an idle component should hold none. */
  get timers(): number {
    return this.#pending.size;
  }

  #add(delayMs: number, period: number, fn: () => void): Timer {
    const entry: Pending = {
      at: this.#monotonicMs + Math.max(0, delayMs),
      order: this.#order++,
      period,
      fn,
    };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  #next(): Pending | undefined {
    let best: Pending | undefined;
    for (const p of this.#pending) {
      if (!best || p.at < best.at || (p.at === best.at && p.order < best.order)) best = p;
    }
    return best;
  }

  #moveTo(at: number): void {
    this.#wallMs += at - this.#monotonicMs;
    this.#monotonicMs = at;
  }
}

/** Several turns of the microtask queue and one of the event loop. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
