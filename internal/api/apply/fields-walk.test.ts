import { expect, test } from 'vitest';
import type { Schema } from '../schema.ts';
import { insert, type Fields } from './fields.ts';
import { FieldsWalk } from './fields-walk.ts';
import { toFields } from './to-fields.ts';

/** Numbers that look random and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
}

test(
  'a walk collects what paths put in one by one do, in any order and with parts that are ' +
    'entered again',
  () => {
    for (let seed = 1; seed < 300; seed++) {
      const draw = numbers(seed);
      const [walk, path, plain]: [FieldsWalk, string[], Fields] = [new FieldsWalk(), [], {}];
      for (let step = 0; step < 60; step++) {
        const what = draw(3);
        if (what === 0 && path.length < 5) {
          path.push(`f:${'abc'[draw(3)]}`);
          walk.enter(path.at(-1) ?? '');
        } else if (what === 1 && path.length > 0) {
          path.pop();
          walk.leave();
        } else if (what === 2) {
          walk.add();
          if (path.length > 0) insert(plain, path);
        }
      }
      expect(walk.set).toEqual(plain);
    }
  },
);

const untyped: Schema = { kind: 'raw' };
function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

/** Processor time of a call, microseconds. */
function costOf(call: () => void): number {
  const began = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(began);
  return user + system;
}

test('depth costs no more than breadth', () => {
  const deepOne = Object.fromEntries(Array.from({ length: 330 }, (_, i) => [`k${i}`, deep(980)]));
  const broad = Object.fromEntries(
    Array.from({ length: 330 }, (_, i) => [
      `k${i}`,
      Object.fromEntries(Array.from({ length: 980 }, (_entry, k) => [`a${k}`, 1])),
    ]),
  );
  const [down, across] = [deepOne, broad].map((value) =>
    costOf(() => void toFields(untyped, value, { custom: true })),
  );
  // Looking from the root for each path took 20 times as long.
  expect(down! / across!).toBeLessThan(6);
});

test('neither do items, of which some are the same', () => {
  const list: Schema = { kind: 'list', items: { kind: 'string' }, listType: 'set', mapKeys: [] };
  const items = Array.from({ length: 60_000 }, (_, i) => `x${i % 59_000}`);
  const spread = Object.fromEntries(items.map((item, i) => [`${item}-${i}`, 1]));
  let kept = {};
  const floor = costOf(() => void toFields(untyped, spread, { custom: true }));
  const cost = costOf(() => {
    kept = toFields(list, items, { custom: true });
  });
  expect(cost / floor).toBeLessThan(20);
  expect(Object.keys(kept).length).toBe(59_000);
});
