import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostNumbers, nextBuckets, noBuckets, pickSlots, type Buckets } from './affinity.ts';
import { backend } from './testing/samples.ts';

const after = (...sets: number[][]): Buckets =>
  sets.reduce(
    (buckets, set) =>
      nextBuckets(
        buckets,
        set.map((n) => backend(n)),
      ),
    noBuckets,
  );
const shares = ({ pick, backends }: Buckets): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const number of pick) {
    const { ip } = backends.get(number)!;
    counts.set(ip, (counts.get(ip) ?? 0) + 1);
  }
  return counts;
};

describe('buckets of affine clients', () => {
  it('share new clients evenly', () => {
    expect([...shares(after([2, 3, 4])).values()].sort()).toEqual([21, 21, 22]);
    expect(shares(after(Array.from({ length: 100 }, (_, i) => i + 2))).size).toBe(pickSlots);
  });

  it('wait while nobody is there', () => {
    const two = after([2, 3]);
    expect(nextBuckets(two, [])).toBe(two);
    expect(nextBuckets(noBuckets, [])).toBe(noBuckets);
  });

  it('spread the clients of an endpoint that went', () => {
    const before = after([2, 3, 4]);
    const now = nextBuckets(before, [backend(2), backend(3)]);
    const moved = [...before.backends].filter(([, b]) => b.ip === backend(4).ip);
    const to = new Set(moved.map(([number]) => now.backends.get(number)!.ip));
    expect(to.size).toBe(2);
  });

  it('use the oldest numbers again when all are taken', () => {
    let buckets = noBuckets;
    for (let i = 0; i < 40; i += 1) buckets = nextBuckets(buckets, [backend(2), backend(i + 3)]);
    expect(buckets.backends.size).toBeLessThanOrEqual(mostNumbers);
    expect(Math.max(...buckets.backends.keys())).toBeLessThan(mostNumbers);
  });

  it('keep every client with its endpoint while that is there, and lead all to somebody', () => {
    const set = fc.uniqueArray(fc.integer({ min: 2, max: 12 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(set, { minLength: 1, maxLength: 8 }), (sets) => {
        let buckets = noBuckets;
        for (const ids of sets) {
          const live = ids.map((n) => backend(n));
          const there = new Set(live.map((b) => b.ip));
          const next = nextBuckets(buckets, live);
          for (const [number, b] of buckets.backends)
            if (there.has(b.ip)) expect(next.backends.get(number)?.ip).toBe(b.ip);
          for (const b of next.backends.values()) expect(there.has(b.ip)).toBe(true);
          expect(next.pick).toHaveLength(pickSlots);
          const counts = [...shares(next).values()];
          expect(counts).toHaveLength(live.length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          buckets = next;
        }
      }),
    );
  });
});
