import { describe, expect, test } from 'vitest';
import { fuzz, textOf } from './fuzz/fuzz.ts';

/** A few seconds of what `node test/fuzz/run.ts` does for as long as one likes. */
describe('fuzzing', () => {
  // Large inputs take longer than this has.
  const only = [
    'write',
    'patch',
    'read',
    'custom',
    'labels',
    'fields',
    'quantity',
    'cron',
    'cri',
    'etcd',
    'spdy',
    'certificate',
    'nft',
    'dns',
  ];
  test.each([1, 2])('seed %d', { timeout: 120_000 }, async (seed) => {
    const report = await fuzz({ seed, forMs: 5_000, only });
    expect(report.failures.filter(({ what }) => !what.endsWith('of CPU')).map(textOf)).toEqual([]);
    expect([...report.inputs.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(
      only.length,
    );
  });
});
