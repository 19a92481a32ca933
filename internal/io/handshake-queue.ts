/** Connections of one class, by address; the address whose turn it is comes first. */
type Line = Map<string, (() => void)[]>;

export interface HandshakeQueueOptions {
  /** Calls back when the event loop has looked after everything else once. */
  nextTurn?: (fn: () => void) => void;
}

/**
 * In which order handshakes begin. A handshake costs a millisecond of the thread that also answers requests, and whoever opens connections
 * makes the server spend it, so only one begins in each turn of the event loop, and addresses take turns, however many wait from each.
 * Addresses with a client that is known have every second turn. Of one address the newest goes first: in a flood the oldest is the one
 * whose client has gone or that is about to make room, and whoever goes first must not wait behind all that came before.
 * How many wait is bounded by ConnectionBounds.
 */
export class HandshakeQueue {
  readonly #nextTurn: (fn: () => void) => void;
  readonly #known: Line = new Map();
  readonly #unknown: Line = new Map();
  #knownWasLast = false;
  #begunInTurn = false;

  constructor(options: HandshakeQueueOptions = {}) {
    this.#nextTurn = options.nextTurn ?? ((fn) => void setImmediate(fn));
  }

  /** Calls `begin` when its turn comes, which may be at once; what this returns takes it out again. */
  add(address: string, known: boolean, begin: () => void): () => void {
    const line = known ? this.#known : this.#unknown;
    const same = line.get(address) ?? [];
    line.set(address, same);
    same.push(begin);
    this.#pump();
    return () => {
      const at = same.indexOf(begin);
      if (at < 0) return;
      same.splice(at, 1);
      if (same.length === 0 && line.get(address) === same) line.delete(address);
    };
  }

  #pump(): void {
    if (this.#begunInTurn) return;
    const next = this.#next();
    if (!next) return;
    this.#begunInTurn = true;
    this.#nextTurn(() => {
      this.#begunInTurn = false;
      this.#pump();
    });
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
