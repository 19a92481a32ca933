import { expect, it } from 'vitest';
import { memoryFlags, memoryNotice } from './low-memory.ts';

const mebibyte = 1024 ** 2;

it('bounds the heap in a tight cgroup, and says so', () => {
  expect(memoryFlags(undefined).join(' ')).not.toContain('old-space');
  expect(memoryFlags(4096 * mebibyte)).toEqual(memoryFlags(undefined));
  expect([128, 256, 512].map((limit) => memoryFlags(limit * mebibyte).at(-1))).toEqual([
    '--max-old-space-size=44',
    '--max-old-space-size=89',
    '--max-old-space-size=179',
  ]);
  expect(memoryNotice(128 * mebibyte)).toBe(
    "the cgroup's memory limit is 128 MiB: the heap gets 44 MiB, and pods start few at a time",
  );
  expect(memoryNotice(undefined)).toBeUndefined();
});
