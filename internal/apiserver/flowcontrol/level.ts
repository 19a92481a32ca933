import type { PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Seats } from './seats.ts';

/** Why a request was sent away, in the words of upstream's metric. */
export type Rejection = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

/** What a level counts for the flow of a request. */
export interface Counted {
  dispatched: number;
  waiting: number;
  executing: number;
  readonly waited: { add(seconds: number): void };
  readonly served: { add(seconds: number): void };
  reject(why: Rejection): void;
}

/** A request that waits for a seat. */
interface Waiting {
  flow: Counted;
  sinceMs: number;
  timer: Timer | undefined;
  enter(queue: Queue): void;
}

/**
 * One queue of a level: `work` is how many seat-milliseconds it has had (start-time fair queuing).
 */
export interface Queue {
  index: number;
  waiting: Waiting[];
  work: number;
}

/** What a request is taken to cost before it is known what it did. */
const guessMs = 3;

/** Empty queues beyond this many are forgotten: a level may have ten million. */
const rememberedQueues = 1024;

/** What becomes of a request that cannot begin at once. */
export type Waited = { queue: Queue } | { rejected: Rejection };

export interface LevelOptions {
  clock: Clock;
  /** How long a request waits at most. */
  maxWaitMs: number;
  /** Seats of others that may be borrowed now. */
  lendable(): number;
}

/** One PriorityLevelConfiguration at work. */
export class Level {
  readonly name: string;
  readonly uid: string;
  readonly exempt: boolean;
  seats: Seats = { own: 0, least: 0, most: 0 };
  executing = 0;
  waitingCount = 0;
  readonly #options: LevelOptions;
  readonly #queues = new Map<number, Queue>();
  #queueCount = 0;
  #handSize = 0;
  #queueLimit = 0;
  /** The work of the queue that was served last: a queue that was empty begins here. */
  #work = 0;

  constructor(config: PriorityLevelConfiguration, options: LevelOptions) {
    this.name = config.metadata.name ?? '';
    this.uid = config.metadata.uid ?? '';
    this.exempt = config.spec?.type === 'Exempt';
    this.#options = options;
  }

  /** What the object says now. Requests that wait already keep their place. */
  configure(config: PriorityLevelConfiguration, seats: Seats): void {
    this.seats = seats;
    const response = config.spec?.limited?.limitResponse;
    const queuing = response?.type === 'Queue' ? response.queuing : undefined;
    this.#queueCount = queuing?.queues ?? 0;
    this.#handSize = queuing?.handSize ?? 0;
    this.#queueLimit = queuing?.queueLengthLimit ?? 0;
    this.dispatch();
  }

  /** Takes a seat when that needs no waiting. */
  tryStart(flow: Counted): boolean {
    if (!this.exempt && (this.waitingCount > 0 || !this.#hasSeat())) return false;
    this.#start(flow);
    return true;
  }

  /**
   * Waits for a seat, or not: the answer comes at once when the request is sent away. `gone` aborts
   * when the client leaves.
   */
  wait(flow: Counted, hash: number, gone: AbortSignal): Promise<Waited> {
    if (this.#queueCount === 0) return Promise.resolve(this.#sendAway(flow, 'concurrency-limit'));
    const queue = this.#shortestOfHand(hash);
    if (queue.waiting.length >= this.#queueLimit)
      return Promise.resolve(this.#sendAway(flow, 'queue-full'));
    return new Promise((resolve) => {
      const { clock, maxWaitMs } = this.#options;
      const waiting: Waiting = {
        flow,
        sinceMs: clock.monotonicMs(),
        timer: undefined,
        enter: (from) => {
          waiting.timer?.cancel();
          gone.removeEventListener('abort', left);
          this.#leave(flow);
          flow.waited.add((clock.monotonicMs() - waiting.sinceMs) / 1000);
          this.#start(flow);
          resolve({ queue: from });
        },
      };
      const giveUp = (why: Rejection): void => {
        const at = queue.waiting.indexOf(waiting);
        if (at < 0) return;
        queue.waiting.splice(at, 1);
        waiting.timer?.cancel();
        gone.removeEventListener('abort', left);
        this.#leave(flow);
        this.#tidy(queue);
        resolve(this.#sendAway(flow, why));
      };
      const left = (): void => giveUp('cancelled');
      if (queue.waiting.length === 0) queue.work = Math.max(queue.work, this.#work);
      queue.waiting.push(waiting);
      this.waitingCount++;
      flow.waiting++;
      waiting.timer = clock.after('flowcontrol.wait', maxWaitMs, () => giveUp('time-out'));
      if (gone.aborted) left();
      else gone.addEventListener('abort', left, { once: true });
    });
  }

  /** A request is answered: its seat is free. `tookMs` corrects what its queue was charged. */
  finish(flow: Counted, tookMs: number, queue: Queue | undefined): void {
    this.executing--;
    flow.executing--;
    flow.served.add(tookMs / 1000);
    if (queue) queue.work = Math.max(0, queue.work + tookMs - guessMs);
  }

  /** Starts waiting requests, as far as there are seats. */
  dispatch(): void {
    while (this.waitingCount > 0 && this.#hasSeat()) {
      const queue = this.#next();
      const waiting = queue?.waiting.shift();
      if (!queue || !waiting) return;
      this.#work = Math.max(this.#work, queue.work);
      queue.work += guessMs;
      waiting.enter(queue);
      this.#tidy(queue);
    }
  }

  #hasSeat(): boolean {
    const { own, most } = this.seats;
    if (this.executing < own) return true;
    return this.executing < most && this.#options.lendable() > 0;
  }

  #start(flow: Counted): void {
    this.executing++;
    flow.executing++;
    flow.dispatched++;
  }

  #leave(flow: Counted): void {
    this.waitingCount--;
    flow.waiting--;
  }

  #sendAway(flow: Counted, why: Rejection): Waited {
    flow.reject(why);
    return { rejected: why };
  }

  /** The queue that has had least; the lower index breaks a tie. */
  #next(): Queue | undefined {
    let best: Queue | undefined;
    for (const queue of this.#queues.values()) {
      if (
        queue.waiting.length > 0 &&
        (!best || queue.work < best.work || (queue.work === best.work && queue.index < best.index))
      )
        best = queue;
    }
    return best;
  }

  /** Shuffle sharding: of the queues that a flow may use, the one with the fewest in it. */
  #shortestOfHand(hash: number): Queue {
    let best: Queue | undefined;
    for (const index of handOf(hash, this.#queueCount, this.#handSize)) {
      const queue = this.#queues.get(index);
      if (!queue) return this.#open(index);
      if (
        !best ||
        queue.waiting.length < best.waiting.length ||
        (queue.waiting.length === best.waiting.length && queue.work < best.work)
      )
        best = queue;
    }
    return best ?? this.#open(0);
  }

  #open(index: number): Queue {
    if (this.#queues.size >= rememberedQueues)
      for (const [at, queue] of this.#queues)
        if (queue.waiting.length === 0) this.#queues.delete(at);
    const queue: Queue = { index, waiting: [], work: this.#work };
    this.#queues.set(index, queue);
    return queue;
  }

  /** A queue is only remembered while it matters. */
  #tidy(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.work <= this.#work) this.#queues.delete(queue.index);
  }
}

/** `size` different cards of a deck, always the same for one hash (mulberry32 from there on). */
export function handOf(hash: number, deck: number, size: number): number[] {
  const hand: number[] = [];
  let state = hash;
  while (hand.length < Math.min(size, deck)) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    const card = (t ^ (t >>> 14)) >>> 0;
    // Card number `card` of those that are left: what lies before it has been dealt already.
    let index = card % (deck - hand.length);
    for (const dealt of [...hand].sort((a, b) => a - b)) if (index >= dealt) index++;
    hand.push(index);
  }
  return hand;
}
