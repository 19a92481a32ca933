import type { Pod } from '../api/generated/types/core-v1.ts';
import { keyOf } from '../api/object.ts';
import type { Clock, Timer } from '../io/clock.ts';

/** kube-scheduler's podInitialBackoffSeconds and podMaxBackoffSeconds. */
const firstBackoffMs = 1000;
const longestBackoffMs = 10_000;
/**
 * A pod that waits for an event is looked at again after this long, in case the event was missed
 * (kube-scheduler: 5 minutes).
 */
const flushMs = 300_000;

interface Waiting {
  key: string;
  priority: number;
  since: number;
  attempts: number;
  /** Not before this time. */
  notBefore: number;
  state: 'active' | 'backoff' | 'unschedulable' | 'running';
  /** Something changed while it was being looked at: do not lay it aside. */
  stirred: boolean;
}

/**
 * Pods without a node, in the order in which they are looked at. Holds a timer only while some pod
 * waits.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #ready: () => void;
  readonly #pods = new Map<string, Waiting>();
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** `ready` is called when there may be something to pop. */
  constructor(clock: Clock, ready: () => void) {
    this.#clock = clock;
    this.#ready = ready;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** A new pod, or one whose spec or labels changed: it is worth a look now. */
  add(pod: Pod): void {
    const key = keyOf(pod);
    const known = this.#pods.get(key);
    if (known) return this.#stir(known);
    const now = this.#clock.monotonicMs();
    this.#pods.set(key, {
      key,
      priority: pod.spec.priority ?? 0,
      since: now,
      attempts: 0,
      notBefore: now,
      state: 'active',
      stirred: false,
    });
    this.#ready();
  }

  remove(key: string): void {
    this.#pods.delete(key);
  }

  /** The most important pod that may be looked at now. */
  pop(): string | undefined {
    let best: Waiting | undefined;
    for (const w of this.#pods.values()) {
      if (w.state !== 'active') continue;
      if (
        !best ||
        w.priority > best.priority ||
        (w.priority === best.priority && w.since < best.since)
      )
        best = w;
    }
    if (!best) return undefined;
    best.state = 'running';
    best.attempts++;
    best.stirred = false;
    return best.key;
  }

  /** No node would do: wait for an event. */
  unschedulable(key: string): void {
    this.#setAside(key, 'unschedulable');
  }

  /** Something else went wrong: try again after the back-off. */
  failed(key: string): void {
    this.#setAside(key, 'backoff');
  }

  /** Something changed that may help `some` of those that wait. */
  stir(some: (key: string) => boolean = () => true): void {
    for (const w of this.#pods.values())
      if (w.state !== 'active' && w.state !== 'backoff' && some(w.key)) this.#stir(w);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#pods.clear();
  }

  #setAside(key: string, state: 'unschedulable' | 'backoff'): void {
    const w = this.#pods.get(key);
    if (!w || w.state !== 'running') return;
    const now = this.#clock.monotonicMs();
    w.notBefore = now + Math.min(firstBackoffMs * 2 ** (w.attempts - 1), longestBackoffMs);
    w.state = w.stirred ? 'backoff' : state;
    this.#wakeAt(w.state === 'backoff' ? w.notBefore : now + flushMs);
  }

  #stir(w: Waiting): void {
    w.stirred = true;
    if (w.state !== 'unschedulable') return;
    if (w.notBefore <= this.#clock.monotonicMs()) {
      w.state = 'active';
      this.#ready();
    } else {
      w.state = 'backoff';
      this.#wakeAt(w.notBefore);
    }
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after('scheduler.backoff', at - this.#clock.monotonicMs(), () =>
      this.#wake(),
    );
  }

  #wake(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const now = this.#clock.monotonicMs();
    let next = Infinity;
    for (const w of this.#pods.values()) {
      const due =
        w.state === 'backoff'
          ? w.notBefore
          : w.state === 'unschedulable'
            ? w.notBefore + flushMs
            : Infinity;
      if (due <= now) w.state = 'active';
      else next = Math.min(next, due);
    }
    if (next < Infinity) this.#wakeAt(next);
    this.#ready();
  }
}
