import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** Chance as the program sees it; tests pass a seeded one. */
export interface Random {
  /** An RFC 4122 version 4 identifier. */
  uuid(): string;
  /** An integer in [0, below). */
  int(below: number): number;
  /** `length` bytes fit for keys. */
  bytes(length: number): Uint8Array;
}

export const realRandom: Random = {
  uuid: () => randomUUID(),
  int: (below) => (below <= 1 ? 0 : randomInt(below)),
  bytes: (length) => randomBytes(length),
};

/** Repeatable chance (mulberry32) for tests and the simulator. Never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => int(256));
  return {
    int,
    bytes,
    uuid: () => {
      const hex = Buffer.from(bytes(16)).toString('hex');
      return (
        `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}` +
        `-${hex.slice(20)}`
      );
    },
  };
}
