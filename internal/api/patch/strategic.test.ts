import { describe, expect, test } from 'vitest';
import type { FieldSchema, Schema, StructSchema } from '../schema.ts';
import { ApiError } from '../status.ts';
import { applyStrategicPatch } from './strategic.ts';

const text: Schema = { kind: 'string' };
const field = (
  name: string,
  type: Schema,
  more: Partial<FieldSchema> = {},
): [string, FieldSchema] => [
  name,
  { name, type, required: false, pointer: false, omitEmpty: true, ...more },
];
const struct = (name: string, ...fields: [string, FieldSchema][]): StructSchema => ({
  kind: 'struct',
  name: `test.${name}`,
  fields: new Map(fields),
  typeMeta: false,
  atomic: false,
  preserveUnknown: false,
});
const list = (items: Schema): Schema => ({ kind: 'list', items, listType: 'atomic', mapKeys: [] });
const map = (values: Schema): Schema => ({ kind: 'map', values, atomic: false });

const port = struct('Port', field('port', { kind: 'int32' }), field('name', text));
const container = struct(
  'Container',
  field('name', text),
  field('image', text),
  field('command', list(text)),
  field('ports', list(port), { patchStrategy: 'merge', patchMergeKey: 'port' }),
  field('noKey', list(port), { patchStrategy: 'merge' }),
);
const strategy = struct(
  'Strategy',
  field('type', text),
  field('rollingUpdate', struct('Rolling', field('maxSurge', { kind: 'intOrString' }))),
);
const pod = struct(
  'PodSpec',
  field('containers', list(container), { patchStrategy: 'merge', patchMergeKey: 'name' }),
  field('finalizers', list(text), { patchStrategy: 'merge' }),
  field('labels', map(text)),
  field('strategy', strategy, { patchStrategy: 'retainKeys' }),
  field('volumes', list(strategy), { patchStrategy: 'merge,retainKeys', patchMergeKey: 'type' }),
  field('atomic', struct('Atomic', field('a', text), field('b', text)), {
    patchStrategy: 'replace',
  }),
  field('nested', struct('Nested', field('x', map(text)))),
);

const merge = (document: unknown, patch: unknown): unknown =>
  applyStrategicPatch(document, patch, pod);
const c = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  ...more,
});

describe('maps', () => {
  test('merge, delete by null, keep the rest', () => {
    expect(merge({ labels: { a: '1', b: '2' } }, { labels: { a: null, c: '3' } })).toEqual({
      labels: { b: '2', c: '3' },
    });
    expect(merge({}, { nested: { x: { a: null, b: '1' } } })).toEqual({
      nested: { x: { b: '1' } },
    });
    expect(merge({ labels: { a: '1' } }, { labels: null })).toEqual({});
  });
  test('$patch replace and delete', () => {
    expect(merge({ labels: { a: '1' } }, { labels: { $patch: 'replace', b: '2' } })).toEqual({
      labels: { b: '2' },
    });
    expect(merge({ labels: { a: '1' } }, { labels: { $patch: 'delete' } })).toEqual({ labels: {} });
    expect(merge({}, { labels: { $patch: 'delete' } })).toEqual({});
    expect(() => merge({ labels: {} }, { labels: { $patch: 'odd' } })).toThrow(
      'unknown patch type: odd in map: map[$patch:odd]',
    );
  });
  test('the strategy replace takes the whole value', () => {
    expect(merge({ atomic: { a: '1', b: '2' } }, { atomic: { a: '3' } })).toEqual({
      atomic: { a: '3' },
    });
  });
  test('another kind of value replaces', () => {
    expect(merge({ labels: 'x' }, { labels: { a: '1', b: null } })).toEqual({ labels: { a: '1' } });
    expect(merge({ strategy: { type: 'a' } }, { strategy: { type: 'b' } })).toEqual({
      strategy: { type: 'b' },
    });
  });
});

describe('$retainKeys', () => {
  test('drops what is not named', () => {
    const document = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } };
    expect(merge(document, { strategy: { $retainKeys: ['type'], type: 'Recreate' } })).toEqual({
      strategy: { type: 'Recreate' },
    });
  });
  test('must name what the patch sets', () => {
    expect(() =>
      merge({ strategy: {} }, { strategy: { $retainKeys: ['x'], type: 'Recreate' } }),
    ).toThrow('invalid patch format of retainKeys');
    expect(() => merge({ strategy: {} }, { strategy: { $retainKeys: 'x' } })).toThrow(
      'invalid patch format of retainKeys',
    );
  });
  test('in a list item', () => {
    const document = { volumes: [{ type: 'a', rollingUpdate: { maxSurge: 1 } }] };
    expect(merge(document, { volumes: [{ $retainKeys: ['type'], type: 'a' }] })).toEqual({
      volumes: [{ type: 'a' }],
    });
  });
});

describe('lists of maps', () => {
  const document = {
    containers: [c('a', { image: '1' }), c('b', { image: '2', ports: [{ port: 80 }] })],
  };
  test('merge by key', () => {
    expect(merge(document, { containers: [c('b', { image: '3' })] })).toEqual({
      containers: [c('a', { image: '1' }), c('b', { image: '3', ports: [{ port: 80 }] })],
    });
  });
  test('new items stand before those of the server', () => {
    expect(merge(document, { containers: [c('z', { image: '9' })] })).toEqual({
      containers: [c('z', { image: '9' }), ...document.containers],
    });
  });
  test('in depth', () => {
    const result = merge(document, {
      containers: [c('b', { ports: [{ port: 80, name: 'http' }, { port: 81 }] })],
    });
    expect(result).toEqual({
      containers: [
        c('a', { image: '1' }),
        c('b', { image: '2', ports: [{ port: 80, name: 'http' }, { port: 81 }] }),
      ],
    });
  });
  test('$patch delete and replace', () => {
    expect(merge(document, { containers: [{ $patch: 'delete', name: 'a' }] })).toEqual({
      containers: [document.containers[1]],
    });
    expect(merge(document, { containers: [{ $patch: 'replace' }, c('n')] })).toEqual({
      containers: [c('n')],
    });
    expect(merge({}, { containers: [{ $patch: 'delete', name: 'a' }, c('n')] })).toEqual({
      containers: [c('n')],
    });
  });
  test('$setElementOrder', () => {
    const order = (...names: string[]): unknown[] => names.map((name) => ({ name }));
    expect(merge(document, { '$setElementOrder/containers': order('b', 'a') })).toEqual({
      containers: [document.containers[1], document.containers[0]],
    });
    expect(
      merge(document, {
        '$setElementOrder/containers': order('a', 'n', 'b'),
        containers: [c('n')],
      }),
    ).toEqual({ containers: [document.containers[0], c('n'), document.containers[1]] });
    const three = { containers: [c('x'), c('a'), c('y')] };
    expect(
      merge(three, { '$setElementOrder/containers': order('a', 'n'), containers: [c('n')] }),
    ).toEqual({ containers: [c('x'), c('a'), c('n'), c('y')] });
    expect(
      merge({}, { '$setElementOrder/containers': order('b', 'a'), containers: [c('b'), c('a')] }),
    ).toEqual({ containers: [c('b'), c('a')] });
    expect(merge({}, { '$setElementOrder/containers': order('a') })).toEqual({});
    expect(
      merge(document, {
        '$setElementOrder/containers': order('b'),
        containers: [{ $patch: 'delete', name: 'a' }],
      }),
    ).toEqual({ containers: [document.containers[1]] });
  });
  test('what the patch sets must be in the order', () => {
    expect(() =>
      merge(document, { '$setElementOrder/containers': [{ name: 'a' }], containers: [c('b')] }),
    ).toThrow(
      /^The order in patch list:\n\[map\[name:b\]\]\n doesn't match \$setElementOrder list:\n\[map\[name:a\]\]\n$/,
    );
    expect(() => merge(document, { '$setElementOrder/containers': 'x' })).toThrow(
      'expected a []interface {}, but received a string',
    );
  });
  test('errors', () => {
    expect(() => merge(document, { containers: [{ image: 'x' }] })).toThrow(
      'map: map[image:x] does not contain declared merge key: name',
    );
    expect(() => merge(document, { containers: [{ $patch: 'delete' }] })).toThrow(
      'map: map[$patch:delete] does not contain declared merge key: name',
    );
    expect(() => merge(document, { containers: [{ $patch: 'merge', name: 'a' }] })).toThrow(
      'merging lists cannot yet be specified in the patch',
    );
    expect(() => merge(document, { containers: [{ $patch: 'odd', name: 'a' }] })).toThrow(
      'unknown patch type: odd',
    );
    expect(() => merge(document, { containers: ['x'] })).toThrow(
      'list element types are not identical',
    );
    expect(() =>
      merge(
        { containers: [c('a', { noKey: [{ port: 1 }] })] },
        { containers: [c('a', { noKey: [{ port: 1 }] })] },
      ),
    ).toThrow('cannot merge lists without merge key for struct');
    expect(() => merge({ odd: {} }, { odd: { a: 1 } })).toThrow(
      'unable to find api field in struct PodSpec for the json field "odd"',
    );
    expect(() => applyStrategicPatch({}, [], pod)).toThrow(ApiError);
  });
});

describe('lists of scalars', () => {
  test('merge keeps each once', () => {
    expect(merge({ finalizers: ['a', 'b'] }, { finalizers: ['b', 'c'] })).toEqual({
      finalizers: ['a', 'b', 'c'],
    });
  });
  test('$deleteFromPrimitiveList', () => {
    expect(
      merge({ finalizers: ['a', 'b', 'c'] }, { '$deleteFromPrimitiveList/finalizers': ['b'] }),
    ).toEqual({ finalizers: ['a', 'c'] });
    expect(
      merge(
        { finalizers: ['a', 'b'] },
        {
          '$deleteFromPrimitiveList/finalizers': ['a'],
          '$setElementOrder/finalizers': ['c', 'b'],
          finalizers: ['c'],
        },
      ),
    ).toEqual({ finalizers: ['c', 'b'] });
    expect(merge({}, { '$deleteFromPrimitiveList/finalizers': ['a'] })).toEqual({});
    expect(() => merge({}, { '$deleteFromPrimitiveList/': [] })).toThrow(
      'invalid patch format of primitive list',
    );
  });
  test('without a strategy the list is replaced', () => {
    const document = { containers: [c('a', { command: ['x'] })] };
    expect(merge(document, { containers: [c('a', { command: ['y', 'z'] })] })).toEqual({
      containers: [c('a', { command: ['y', 'z'] })],
    });
  });
  test('order of scalars', () => {
    expect(
      merge({ finalizers: ['a', 'b'] }, { '$setElementOrder/finalizers': ['b', 'a'] }),
    ).toEqual({ finalizers: ['b', 'a'] });
  });
});

test('the inputs stay as they are', () => {
  const document = { containers: [c('a', { image: '1' })] };
  const patch = {
    '$setElementOrder/containers': [{ name: 'a' }],
    containers: [c('a', { image: '2' })],
  };
  const [before, asked] = [structuredClone(document), structuredClone(patch)];
  const result = merge(document, patch) as { containers: { image: string }[] };
  expect(result.containers[0]?.image).toBe('2');
  expect(document).toEqual(before);
  expect(patch).toEqual(asked);
});
