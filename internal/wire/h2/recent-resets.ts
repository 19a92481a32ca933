/** The peer of a stream that we reset may not know yet: what still comes for it is no fault. */
const remembered = 1000;

/** The streams that were reset last. */
export class RecentResets {
  readonly #ids = new Set<number>();

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= remembered) return;
    for (const oldest of this.#ids) return void this.#ids.delete(oldest);
  }
}
