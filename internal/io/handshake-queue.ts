/** Connections of one class, by who they look to be from; whose turn it is comes first. */
type Line = Map<string, (() => void)[]>;

/**
 * The event loop accepts one connection in a turn, whoever it is from, so a handshake waits while
 * connections come in; but not longer than this.
 */
const mostArrivals = 32;

/**
 * How much is known of who sends a hello: nothing; that a client at its address showed who it is;
 * that the same program there did.
 */
export type Acquaintance = 'none' | 'address' | 'client';

/** Whose turn it is, over and over. */
const turns: readonly Acquaintance[] = ['client', 'address', 'client', 'none'];

export interface HandshakeQueueOptions {
  /** Calls back when the event loop has looked after everything else once. */
  nextTurn?: (fn: () => void) => void;
}

/**
 * In which order handshakes begin. A handshake takes 0.5 to 0.9 ms (measured) of the thread that
 * also answers requests, and whoever opens connections makes the server spend it, so at most one
 * begins in a turn of the event loop, and senders take turns, however many wait from each. Half of
 * all turns belong to clients that look like one that is known, a quarter to other clients at the
 * address of one: what is not used goes to the next. Of one sender the newest goes first: in a
 * flood the oldest is the one whose client has gone or that is about to make room, and whoever goes
 * first must not wait behind all that came before. How many wait is bounded by ConnectionBounds.
 */
export class HandshakeQueue {
  readonly #nextTurn: (fn: () => void) => void;
  readonly #lines: Record<Acquaintance, Line> = {
    client: new Map(),
    address: new Map(),
    none: new Map(),
  };
  #turn = 0;
  /** Whether the end of this turn is waited for. */
  #waits = false;
  #arrived = false;
  #arrivals = 0;

  constructor(options: HandshakeQueueOptions = {}) {
    this.#nextTurn = options.nextTurn ?? ((fn) => void setImmediate(fn));
  }

  /** A connection has come in. */
  arrive(): void {
    this.#arrived = true;
    this.#wait();
  }

  /**
   * Calls `begin` when the turn of `sender` comes, which may be at once; what this returns takes it
   * out again.
   */
  add(sender: string, acquaintance: Acquaintance, begin: () => void): () => void {
    const line = this.#lines[acquaintance];
    const same = line.get(sender) ?? [];
    line.set(sender, same);
    same.push(begin);
    if (!this.#waits) this.#begin();
    return () => {
      const at = same.indexOf(begin);
      if (at < 0) return;
      same.splice(at, 1);
      if (same.length === 0 && line.get(sender) === same) line.delete(sender);
    };
  }

  #wait(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#nextTurn(() => {
      this.#waits = false;
      const more = this.#arrived && ++this.#arrivals < mostArrivals;
      this.#arrived = false;
      if (!more) this.#begin();
      else if (Object.values(this.#lines).some((line) => line.size > 0)) this.#wait();
    });
  }

  #begin(): void {
    this.#arrivals = 0;
    const next = this.#next();
    if (!next) return;
    this.#wait();
    next();
  }

  #next(): (() => void) | undefined {
    for (const _ of turns) {
      const line = this.#lines[turns[this.#turn++ % turns.length] as Acquaintance];
      const head = line.entries().next().value;
      if (!head) continue;
      const [sender, same] = head;
      // The sender goes to the end of its line.
      line.delete(sender);
      const newest = same.pop();
      if (same.length > 0) line.set(sender, same);
      return newest;
    }
    return undefined;
  }
}
