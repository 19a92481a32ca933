/** The peer of a stream that we reset may not know yet: what still comes for it is no fault. */
const remembered = 1000;

/** Streams that are over for us, and not yet for their peer. */
export class ClosedStreams {
  readonly #resets = new Set<number>();
  /** Answered before their bodies were whole, and how much more of these is taken. */
  readonly #draining = new Map<number, number>();

  get draining(): number {
    return this.#draining.size;
  }

  /** Whether frames of it are no fault. */
  has(id: number): boolean {
    return this.#resets.has(id) || this.#draining.has(id);
  }

  /** It was reset by us. */
  reset(id: number): void {
    this.#draining.delete(id);
    this.#resets.add(id);
    if (this.#resets.size <= remembered) return;
    for (const oldest of this.#resets) return void this.#resets.delete(oldest);
  }

  /**
   * It was answered, and is reset a moment later. In the same breath some clients (curl 7.88)
   * forget the answer, and without it wait for ever when they end their side meanwhile. They may go
   * on by so many bytes.
   */
  drain(id: number, bytes: number): void {
    this.#draining.set(id, bytes);
  }

  drains(id: number): boolean {
    return this.#draining.has(id);
  }

  /** DATA that nobody wants; true when it is a fault. */
  took(id: number, bytes: number): boolean {
    const left = this.#draining.get(id);
    if (left === undefined) return !this.#resets.has(id);
    this.#draining.set(id, left - bytes);
    return left < bytes;
  }

  /** Its peer has reset it. */
  end(id: number): void {
    this.#draining.delete(id);
  }
}
