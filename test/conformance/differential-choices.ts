/** Chooses by a seed: the same seed asks the same questions. */
export interface Chooser {
  one<T>(list: readonly T[]): T;
  /** True in about one of `n` cases. */
  rarely(n: number): boolean;
}

/** mulberry32. */
export function seeded(seed: number): Chooser {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const one = <T>(list: readonly T[]): T => {
    const found = list[Math.floor(next() * list.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  };
  return { one, rarely: (n) => next() < 1 / n };
}
