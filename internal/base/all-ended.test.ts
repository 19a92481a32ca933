import { setTimeout as later } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { allEnded } from './all-ended.ts';

test('gives what all gave, in order', async () => {
  expect(await allEnded([later(5, 1), Promise.resolve('two')])).toEqual([1, 'two']);
});

test('throws the first failure in order, when all have ended', async () => {
  let ended = false;
  const slow = later(10).then(() => {
    ended = true;
    throw new Error('first in order');
  });
  const quick = Promise.reject(new Error('first in time'));
  await expect(allEnded([slow, quick])).rejects.toThrow('first in order');
  expect(ended).toBe(true);
});
