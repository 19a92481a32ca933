import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  difference,
  fieldsOf,
  has,
  insert,
  intersection,
  isEmpty,
  isMember,
  pathText,
  paths,
  recursiveDifference,
  sorted,
  union,
} from './fields.ts';
import type { Fields } from './fields.ts';
import { capManagers, covers, decodeManaged, encodeManaged, overlaps } from './managed.ts';

const path = fc.array(fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1'), {
  minLength: 1,
  maxLength: 3,
});
const list = fc.array(path, { maxLength: 8 });
const make = (all: string[][]): Fields => {
  const set: Fields = {};
  for (const p of all) insert(set, p);
  return set;
};
const texts = (set: Fields): string[] => [...paths(set)].map((p) => p.join('/')).sort();
const plain = (all: string[][]): Set<string> => new Set(all.map((p) => p.join('/')));

describe('sets', () => {
  test('behave as sets of paths', () => {
    fc.assert(
      fc.property(list, list, (a, b) => {
        const [x, y, p, q] = [make(a), make(b), plain(a), plain(b)];
        expect(texts(x)).toEqual([...p].sort());
        expect(texts(union(x, y))).toEqual([...p.union(q)].sort());
        expect(texts(intersection(x, y))).toEqual([...p.intersection(q)].sort());
        expect(texts(difference(x, y))).toEqual([...p.difference(q)].sort());
        expect(overlaps(x, y)).toBe(!p.isDisjointFrom(q));
        expect(covers(x, y)).toBe(q.isSubsetOf(p));
        for (const one of a) expect(has(x, one)).toBe(true);
      }),
    );
  });
  test('a recursive difference takes what is below', () => {
    const set = make([['f:a', 'f:b'], ['f:a'], ['f:c']]);
    expect(texts(recursiveDifference(set, fieldsOf(['a'])))).toEqual(['f:c']);
    expect(texts(difference(set, fieldsOf(['a'])))).toEqual(['f:a/f:b', 'f:c']);
  });
  test('members are told from ways', () => {
    expect(isMember({})).toBe(true);
    expect(isMember({ '.': {}, 'f:a': {} })).toBe(true);
    expect(isMember({ 'f:a': {} })).toBe(false);
    expect(isEmpty({})).toBe(true);
    expect(make([['f:a'], ['f:a', 'f:b']])).toEqual({ 'f:a': { '.': {}, 'f:b': {} } });
    expect(make([['f:a', 'f:b'], ['f:a']])).toEqual({ 'f:a': { '.': {}, 'f:b': {} } });
  });
  test('order and text', () => {
    const set = make([
      ['v:"z"'],
      ['k:{"port":443}'],
      ['k:{"port":80}'],
      ['f:b'],
      ['f:a'],
      ['i:10'],
      ['i:2'],
    ]);
    expect(Object.keys(sorted(set))).toEqual([
      'f:a',
      'f:b',
      'k:{"port":80}',
      'k:{"port":443}',
      'v:"z"',
      'i:2',
      'i:10',
    ]);
    expect(pathText(['f:spec', 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"a"', 'i:0'])).toBe(
      '.spec[containerPort=80,protocol="TCP"][="a"][0]',
    );
  });
});

describe('managers', () => {
  const entry = (manager: string, time: string, field: string) => ({
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: { [`f:${field}`]: {} },
  });
  test('are read and written in order', () => {
    const entries = [
      entry('b', '2026-01-02T00:00:00Z', 'x'),
      entry('a', '2026-01-02T00:00:00Z', 'y'),
      { ...entry('z', '2026-01-03T00:00:00Z', 'y'), operation: 'Apply' },
    ];
    const managed = decodeManaged(entries as never);
    expect(encodeManaged(managed ?? new Map()).map((e) => e.manager)).toEqual(['z', 'a', 'b']);
    expect(decodeManaged([{ manager: 'x' }] as never)).toBeUndefined();
  });
  test('the oldest are merged when there are too many', () => {
    const entries = Array.from({ length: 13 }, (_, i) =>
      entry(
        `m${String(i).padStart(2, '0')}`,
        `2026-01-${String(i + 1).padStart(2, '0')}T00:00:00Z`,
        `f${i}`,
      ),
    );
    const managed = decodeManaged(entries as never) ?? new Map();
    capManagers(managed);
    const left = encodeManaged(managed);
    expect(left).toHaveLength(10);
    expect(left[0]).toMatchObject({
      manager: 'ancient-changes',
      fieldsV1: { 'f:f0': {}, 'f:f1': {}, 'f:f2': {}, 'f:f3': {} },
    });
  });
});
