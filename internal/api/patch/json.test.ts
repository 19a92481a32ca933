import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../status.ts';
import { applyJsonPatch, jsonEqual, maxJsonPatchOperations, unknownPatchFields } from './json.ts';

const document = { a: 1, list: ['x', 'y'], map: { 'k/1': 'v', 'k~2': 'w', none: null } };

describe('operations', () => {
  test.each<[string, unknown[], unknown]>([
    ['add a key', [{ op: 'add', path: '/b', value: { c: 2 } }], { ...document, b: { c: 2 } }],
    ['add replaces', [{ op: 'add', path: '/a', value: 2 }], { ...document, a: 2 }],
    [
      'add into a list',
      [{ op: 'add', path: '/list/1', value: 'm' }],
      { ...document, list: ['x', 'm', 'y'] },
    ],
    [
      'append',
      [{ op: 'add', path: '/list/-', value: 'z' }],
      { ...document, list: ['x', 'y', 'z'] },
    ],
    [
      'append by index',
      [{ op: 'add', path: '/list/2', value: 'z' }],
      { ...document, list: ['x', 'y', 'z'] },
    ],
    [
      'negative index',
      [{ op: 'add', path: '/list/-1', value: 'z' }],
      { ...document, list: ['x', 'y', 'z'] },
    ],
    [
      'remove',
      [{ op: 'remove', path: '/map/k~11' }],
      { ...document, map: { 'k~2': 'w', none: null } },
    ],
    [
      'remove with a tilde',
      [{ op: 'remove', path: '/map/k~02' }],
      { ...document, map: { 'k/1': 'v', none: null } },
    ],
    ['remove from a list', [{ op: 'remove', path: '/list/0' }], { ...document, list: ['y'] }],
    ['replace', [{ op: 'replace', path: '/list/1', value: 3 }], { ...document, list: ['x', 3] }],
    ['replace all', [{ op: 'replace', path: '', value: { z: 1 } }], { z: 1 }],
    [
      'move',
      [{ op: 'move', from: '/a', path: '/map/a' }],
      { list: document.list, map: { ...document.map, a: 1 } },
    ],
    ['copy', [{ op: 'copy', from: '/list', path: '/copy' }], { ...document, copy: ['x', 'y'] }],
    ['test', [{ op: 'test', path: '/list', value: ['x', 'y'] }], document],
    ['test of null', [{ op: 'test', path: '/map/none', value: null }], document],
    ['test of nothing', [{ op: 'test', path: '/missing', value: null }], document],
    ['test all', [{ op: 'test', path: '', value: document }], document],
    [
      'one after the other',
      [
        { op: 'add', path: '/b', value: [] },
        { op: 'add', path: '/b/-', value: 1 },
      ],
      { ...document, b: [1] },
    ],
    [
      'a prototype key is a key',
      [{ op: 'add', path: '/map/constructor', value: 1 }],
      { ...document, map: { ...document.map, constructor: 1 } },
    ],
  ])('%s', (_title, patch, result) => {
    const before = structuredClone(document);
    expect(applyJsonPatch(document, patch)).toEqual(result);
    expect(document).toEqual(before);
  });

  test('a copied value is not shared', () => {
    const result = applyJsonPatch({ a: { b: 1 } }, [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'replace', path: '/c/b', value: 2 },
    ]);
    expect(result).toEqual({ a: { b: 1 }, c: { b: 2 } });
  });
});

describe('what cannot be applied', () => {
  test.each<[string, unknown]>([
    ['missing parent', { op: 'add', path: '/x/y', value: 1 }],
    ['missing key', { op: 'remove', path: '/x' }],
    ['bad index', { op: 'remove', path: '/list/7' }],
    ['far index', { op: 'add', path: '/list/3', value: 1 }],
    ['index that is not a number', { op: 'replace', path: '/list/x', value: 1 }],
    ['failed test', { op: 'test', path: '/a', value: 2 }],
    ['failed test of all', { op: 'test', path: '', value: {} }],
    ['no path', { op: 'add', value: 1 }],
    ['no from', { op: 'move', path: '/a' }],
    ['unknown operation', { op: 'merge', path: '/a' }],
    ['into a scalar', { op: 'add', path: '/a/b', value: 1 }],
    ['all by a scalar', { op: 'replace', path: '', value: 1 }],
  ])('%s', (_title, operation) => {
    const error = caught(() => applyJsonPatch(document, [operation]));
    expect(error.toStatus()).toMatchObject({
      reason: 'Invalid',
      code: 422,
      message: 'the server rejected our request due to an error in our request',
    });
  });

  test('a patch that is not a list, or no operations', () => {
    expect(caught(() => applyJsonPatch(document, {})).message).toBe(
      'error decoding patch: json: cannot unmarshal object into Go value of type ' +
        '[]handlers.jsonPatchOp',
    );
    expect(caught(() => applyJsonPatch(document, [1])).reason).toBe('BadRequest');
    expect(caught(() => applyJsonPatch(document, [{ op: 1 }])).message).toBe(
      'error decoding patch: json: cannot unmarshal number into Go struct field ' +
        'jsonPatchOp.op of type string',
    );
  });

  test('too many operations', () => {
    const patch = Array.from({ length: maxJsonPatchOperations + 1 }, () => ({
      op: 'test',
      path: '/a',
      value: 1,
    }));
    const error = caught(() => applyJsonPatch(document, patch));
    expect(error.httpStatus).toBe(413);
    expect(error.message).toBe(
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, ' +
        'got 10001',
    );
    expect(applyJsonPatch(document, patch.slice(1))).toEqual(document);
  });

  test('copies cannot grow without end', () => {
    const patch = Array.from({ length: 40 }, (_, i) => ({
      op: 'copy',
      from: '',
      path: `/c${i}`,
    })).map((o) => ({ ...o, from: '/list', path: '/list/-' }));
    expect(caught(() => applyJsonPatch({ list: ['x'.repeat(1000)] }, patch)).httpStatus).toBe(422);
  });
});

test('unknown fields of operations are named', () => {
  expect(unknownPatchFields([{ op: 'add', path: '/a', value: 1, x: 2 }, { valu: 3 }])).toEqual([
    'json patch unknown field "[0].x"',
    'json patch unknown field "[1].valu"',
  ]);
  expect(unknownPatchFields({})).toEqual([]);
});

test('add then remove gives the document back', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), json),
      json,
      (doc, value) => {
        const { added: _old, ...base } = doc;
        const path = '/added';
        const back = applyJsonPatch(base, [
          { op: 'add', path, value },
          { op: 'test', path, value },
          { op: 'remove', path },
        ]);
        return jsonEqual(back, base);
      },
    ),
  );
});

test('a key that names the prototype is a key like any other', () => {
  const document = JSON.parse('{"data":{}}') as object;
  const patch = JSON.parse(
    '[{"op":"add","path":"/data","value":{"__proto__":"p","a":"b"}},{"op":"copy","from":"/' +
      'data","path":"/more"}]',
  ) as unknown;
  expect(JSON.stringify(applyJsonPatch(document, patch))).toBe(
    '{"data":{"__proto__":"p","a":"b"},"more":{"__proto__":"p","a":"b"}}',
  );
});

test('equality ignores the order of keys only', () => {
  expect(jsonEqual({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
  expect(jsonEqual([1, 2], [2, 1])).toBe(false);
  expect(jsonEqual({ a: undefined }, {})).toBe(false);
  expect(jsonEqual(null, {})).toBe(false);
  expect(jsonEqual([], {})).toBe(false);
});

function caught(run: () => unknown): ApiError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof ApiError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
