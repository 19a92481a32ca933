import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonEqual } from './json.ts';
import { applyMergePatch, createMergePatch } from './merge.ts';

// RFC 7386 appendix A, where the patch is an object.
test.each<[unknown, unknown, unknown]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j with %j is %j', (document, patch, result) =>
  expect(applyMergePatch(document, patch)).toEqual(result),
);

test('only an object is a patch', () => {
  expect(() => applyMergePatch({}, [1])).toThrow(
    'error decoding patch: json: cannot unmarshal array into Go value of type ' +
      'map[string]interface {}',
  );
  expect(() => applyMergePatch({}, 'x')).toThrow('cannot unmarshal string');
});

test('nothing is shared with the inputs', () => {
  const [document, patch] = [{ a: { b: [1] } }, { c: { d: [2] } }];
  const result = applyMergePatch(document, patch) as { a: { b: number[] }; c: { d: number[] } };
  result.a.b.push(9);
  result.c.d.push(9);
  expect(document).toEqual({ a: { b: [1] } });
  expect(patch).toEqual({ c: { d: [2] } });
});

test('applying the difference gives the goal', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const value = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.array(scalar),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')),
    ),
  })).node;
  const document = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value);
  fc.assert(
    fc.property(document, document, (from, to) =>
      jsonEqual(applyMergePatch(from, createMergePatch(from, to) ?? {}), to),
    ),
  );
});
