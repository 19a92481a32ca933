/** A binary heap whose items are found by key, so that any of them can be taken out. */
export class Heap<T> {
  readonly #keyOf: (item: T) => string;
  readonly #compare: (a: T, b: T) => number;
  readonly #items: T[] = [];
  readonly #at = new Map<string, number>();

  /** `compare` is negative when `a` comes out first. */
  constructor(keyOf: (item: T) => string, compare: (a: T, b: T) => number) {
    this.#keyOf = keyOf;
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  has(key: string): boolean {
    return this.#at.has(key);
  }

  /** Puts an item in, or in the place of the one of the same key. */
  set(item: T): void {
    const key = this.#keyOf(item);
    const at = this.#at.get(key) ?? this.#items.length;
    this.#items[at] = item;
    this.#at.set(key, at);
    this.#settle(at);
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.delete(this.#keyOf(first));
    return first;
  }

  delete(key: string): boolean {
    const at = this.#at.get(key);
    if (at === undefined) return false;
    const last = this.#items.pop() as T;
    this.#at.delete(key);
    if (at < this.#items.length) {
      this.#items[at] = last;
      this.#at.set(this.#keyOf(last), at);
      this.#settle(at);
    }
    return true;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }

  #settle(at: number): void {
    this.#down(this.#up(at));
  }

  #up(from: number): number {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(this.#items[at] as T, this.#items[parent] as T) >= 0) break;
      this.#swap(at, parent);
      at = parent;
    }
    return at;
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const child =
        right < this.#items.length &&
        this.#compare(this.#items[right] as T, this.#items[left] as T) < 0
          ? right
          : left;
      if (this.#compare(this.#items[child] as T, this.#items[at] as T) >= 0) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#items[a] as T, this.#items[b] as T];
    this.#items[a] = y;
    this.#items[b] = x;
    this.#at.set(this.#keyOf(y), a);
    this.#at.set(this.#keyOf(x), b);
  }
}
