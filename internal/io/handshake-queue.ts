/** Connections of one class, by address; the address whose turn it is comes first. */
type Line = Map<string, (() => void)[]>;

/** The event loop accepts one connection in a turn, whoever it is from, so a handshake waits while connections come in; but not longer than this. */
const mostArrivals = 32;

export interface HandshakeQueueOptions {
  /** Calls back when the event loop has looked after everything else once. */
  nextTurn?: (fn: () => void) => void;
}

/**
 * In which order handshakes begin. A handshake costs a millisecond of the thread that also answers requests, and whoever opens connections
 * makes the server spend it, so at most one begins in a turn of the event loop, and addresses take turns, however many wait from each.
 * Addresses with a client that is known have every second turn. Of one address the newest goes first: in a flood the oldest is the one
 * whose client has gone or that is about to make room, and whoever goes first must not wait behind all that came before.
 * How many wait is bounded by ConnectionBounds.
 */
export class HandshakeQueue {
  readonly #nextTurn: (fn: () => void) => void;
  readonly #known: Line = new Map();
  readonly #unknown: Line = new Map();
  #knownWasLast = false;
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

  /** Calls `begin` when its turn comes, which may be at once; what this returns takes it out again. */
  add(address: string, known: boolean, begin: () => void): () => void {
    const line = known ? this.#known : this.#unknown;
    const same = line.get(address) ?? [];
    line.set(address, same);
    same.push(begin);
    if (!this.#waits) this.#begin();
    return () => {
      const at = same.indexOf(begin);
      if (at < 0) return;
      same.splice(at, 1);
      if (same.length === 0 && line.get(address) === same) line.delete(address);
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
      else if (this.#known.size + this.#unknown.size > 0) this.#wait();
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
    const [first, second] = this.#knownWasLast ? [this.#unknown, this.#known] : [this.#known, this.#unknown];
    const line = first.size > 0 ? first : second;
    const head = line.entries().next().value;
    if (!head) return undefined;
    this.#knownWasLast = line === this.#known;
    const [address, same] = head;
    // The address goes to the end of its line.
    line.delete(address);
    const newest = same.pop();
    if (same.length > 0) line.set(address, same);
    return newest;
  }
}
