import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { normalStruct } from './codec/normal-form.ts';
import { planOf } from './codec/plan.ts';
import { equalAs, equalField, stringMap } from './equality.ts';
import { semanticEqual } from './loose.ts';

interface Pair {
  type: string;
  a: unknown;
  b: unknown;
  /** apiequality.Semantic.DeepEqual of k8s.io/apimachinery v0.36.3, of both read into the type. */
  same: boolean;
}

const pairs = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testdata', 'equality.json'), 'utf8'),
) as Pair[];

describe('as Go compares them', () => {
  test.each(pairs.map((p) => [p.type.split('.').at(-1), JSON.stringify([p.a, p.b]), p] as const))(
    '%s %s',
    (_, __, { type, a, b, same }) => {
      expect(equalAs(type, a, b)).toBe(same);
      expect(equalAs(type, b, a)).toBe(same);
    },
  );

  test('and so does what knows no types, for objects in normal form', () => {
    const normal = (type: string, value: unknown): unknown =>
      normalStruct(planOf(type), value, { unknownFields: false });
    const wrong = pairs.filter(
      ({ type, a, b, same }) => semanticEqual(normal(type, a), normal(type, b)) !== same,
    );
    // Without its type, `1e3` is a text like any other.
    expect(wrong.filter((p) => !JSON.stringify(p).includes('1e3'))).toEqual([]);
  });
});

it('compares fields, lists and maps by themselves', () => {
  expect(equalField('@core.v1.Volume', 'emptyDir', {}, undefined)).toBe(false);
  expect(equalField('@apps.v1.Deployment', 'status', { replicas: 0 }, undefined)).toBe(true);
  expect(equalAs(stringMap, undefined, {})).toBe(true);
  expect(equalAs(stringMap, { constructor: '' }, { a: '' })).toBe(false);
  expect(
    equalAs('[]@core.v1.Taint', [{ key: 'a', effect: 'x' }], [{ key: 'a', effect: 'y' }]),
  ).toBe(false);
});

it('says when there is no such type or field', () => {
  expect(() => equalAs('@apps.v1.Nothing', {}, [])).toThrow(/Nothing/);
  expect(() => equalAs('[]@apps.v1.Nothing', {}, [])).toThrow(/Nothing/);
  expect(() => equalField('@core.v1.Pod', 'nothing', 1, 2)).toThrow(/nothing/);
});
