import { describe, expect, test } from 'vitest';
import golden from './testdata/golden.json' with { type: 'json' };
import type { ManagedFieldsEntry } from '../generated/types/meta-v1.ts';
import { asObject, type Unstructured, fieldsOf, deepCopy, deepFreeze } from '../object.ts';
import type { KubeObject } from '../object.ts';
import type { FieldSchema, Schema, StructSchema } from '../schema.ts';
import { builtinScheme } from '../scheme.ts';
import { ApiError } from '../status.ts';
import { applyPatch, trackUpdate } from './apply.ts';
import type { OwnedKind } from './apply.ts';

interface Golden {
  title: string;
  kind: [string, string, string];
  live: KubeObject | null;
  context: { manager: string; subresource: string; now: string; force: boolean };
  next?: KubeObject;
  patch?: unknown;
  managedFields?: ManagedFieldsEntry[];
  error?: { message: string; code: number; details: { causes: unknown[] } };
}

const scheme = builtinScheme();
const kindOf = (group: string, version: string, kind: string): OwnedKind =>
  scheme.kind(group, version, kind) as OwnedKind;

/**
 * Recorded from kube-apiserver 1.36.3. Priority comes from an admission plug-in, after the managers
 * were noted.
 */
const cases = (golden as unknown as Golden[]).filter(
  (g) => !(g.kind[2] === 'Pod' && g.live === null),
);
const sortedByKey = (v: unknown): unknown =>
  Array.isArray(v)
    ? v.map(sortedByKey)
    : v !== null && typeof v === 'object'
      ? Object.fromEntries(
          Object.entries(v)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, x]) => [k, sortedByKey(x)]),
        )
      : v;
const timeless = (entries: readonly ManagedFieldsEntry[] | undefined): string[] =>
  (entries ?? []).map(({ time: _time, ...rest }) => JSON.stringify(rest));

describe('as kube-apiserver does', () => {
  test.each(cases.map((g) => [g.title, g] as const))('%s', (_title, g) => {
    const kind = kindOf(...g.kind);
    const live = g.live ? deepFreeze(deepCopy(g.live)) : undefined;
    if (g.error) {
      const error = caught(() => applyPatch(kind, live, deepFreeze(deepCopy(g.patch)), g.context));
      expect(error.httpStatus).toBe(g.error.code);
      expect(error.message).toBe(g.error.message);
      expect(
        (error.details?.causes ?? []).map((c) => JSON.stringify(sortedByKey(c))).sort(),
      ).toEqual(g.error.details.causes.map((c) => JSON.stringify(sortedByKey(c))).sort());
      return;
    }
    const result = g.next
      ? trackUpdate(kind, live, deepCopy(g.next), g.context)
      : applyPatch(kind, live, deepFreeze(deepCopy(g.patch)), g.context);
    expect(timeless(result.metadata.managedFields)).toEqual(timeless(g.managedFields));
    const times = new Map(result.metadata.managedFields?.map((e) => [e.manager, e.time]));
    expect(times.get(g.context.manager)).toBe(
      g.managedFields?.find((e) => e.manager === g.context.manager)?.time,
    );
  });
});

const now = '2026-01-01T00:00:00Z';
const later = '2026-01-02T00:00:00Z';
const configMaps = kindOf('', 'v1', 'ConfigMap');
const map = (
  data: Record<string, string>,
  metadata: Record<string, unknown> = {},
): Unstructured => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', namespace: 'n', uid: 'u', ...metadata },
  data,
});
const by = (
  manager: string,
  more: Record<string, unknown> = {},
): { manager: string; subresource: string; now: string; force: boolean } => ({
  manager,
  subresource: '',
  now,
  force: false,
  ...more,
});
const names = (object: KubeObject): (string | undefined)[] =>
  (object.metadata.managedFields ?? []).map((e) => e.manager);

describe('tracking', () => {
  const first = trackUpdate(configMaps, undefined, map({ a: '1' }), by('one'));
  test('a write that changes nothing keeps the entries and their times', () => {
    const next = trackUpdate(
      configMaps,
      deepFreeze(deepCopy(first)),
      { ...map({ a: '1' }), metadata: { ...first.metadata } },
      by('two', { now: later }),
    );
    expect(next.metadata.managedFields).toEqual(first.metadata.managedFields);
  });
  test('a changed field changes hands', () => {
    const next = trackUpdate(configMaps, first, map({ a: '2', b: '1' }), by('two', { now: later }));
    expect(next.metadata.managedFields).toEqual([
      {
        manager: 'one',
        operation: 'Update',
        apiVersion: 'v1',
        time: now,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': {} },
      },
      {
        manager: 'two',
        operation: 'Update',
        apiVersion: 'v1',
        time: later,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } },
      },
    ]);
  });
  test('a manager that owns nothing any more is forgotten', () => {
    const next = trackUpdate(
      configMaps,
      first,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', uid: 'u' } },
      by('two'),
    );
    expect(next.metadata.managedFields).toBeUndefined();
  });
  test('a client may start over, or bring its own entries', () => {
    expect(
      trackUpdate(configMaps, first, map({ a: '1' }, { managedFields: [] }), by('two')).metadata
        .managedFields,
    ).toBeUndefined();
    const own = [
      {
        manager: 'own',
        operation: 'Update',
        apiVersion: 'v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} } },
      },
    ];
    expect(
      names(trackUpdate(configMaps, first, map({ a: '1' }, { managedFields: own }), by('two'))),
    ).toEqual(['own']);
    expect(
      names(
        trackUpdate(
          configMaps,
          first,
          map({ a: '3' }, { managedFields: [{ manager: 'bad', operation: 'Odd' }] }),
          by('two'),
        ),
      ),
    ).toEqual(['one', 'two']);
  });
  test('an object that nobody tracked stays so', () => {
    expect(
      trackUpdate(configMaps, map({ a: '1' }), map({ a: '2' }), by('two')).metadata.managedFields,
    ).toBeUndefined();
  });
  test('a manager without a name is called unknown', () => {
    expect(names(trackUpdate(configMaps, undefined, map({ a: '1' }), by('')))).toEqual(['unknown']);
  });
  test('a write to /status does not own the spec', () => {
    const pods = kindOf('', 'v1', 'Pod');
    const old: Unstructured = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { nodeName: 'a' },
      status: {},
    };
    const next = trackUpdate(
      pods,
      old,
      asObject({ ...deepCopy(old), spec: { nodeName: 'b' }, status: { phase: 'Running' } }),
      by('kubelet', { subresource: 'status' }),
    );
    expect(next.metadata.managedFields).toMatchObject([
      { subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } },
    ]);
    expect(JSON.stringify(next.metadata.managedFields)).not.toContain('f:spec');
  });
});

describe('applying', () => {
  const apply = (
    live: KubeObject | undefined,
    data: Record<string, string>,
    context = by('s'),
  ): KubeObject =>
    applyPatch(
      configMaps,
      live,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'n' }, data },
      context,
    );
  test('what is no longer applied goes, unless another manager wants it', () => {
    const first = {
      ...apply(undefined, { a: '1', b: '2', c: '3' }),
      apiVersion: 'v1',
      kind: 'ConfigMap',
    };
    first.metadata.uid = 'u';
    const shared = trackUpdate(
      configMaps,
      first,
      asObject({ ...deepCopy(first), data: { a: '1', b: '2', c: '4' } }),
      by('other'),
    );
    expect(fieldsOf(apply(deepFreeze(shared), { a: '1' }))['data']).toEqual({ a: '1', c: '4' });
  });
  test('the same again changes nothing, not even the time', () => {
    const first = apply(undefined, { a: '1' });
    first.metadata.uid = 'u';
    const again = apply(deepFreeze(deepCopy(first)), { a: '1' }, by('s', { now: later }));
    expect(again).toEqual(first);
  });
  test('fields that were there before the first apply belong to a manager of that name', () => {
    const next = apply(map({ a: '1' }), { b: '2' });
    expect(names(next)).toEqual(['s', 'before-first-apply']);
    const error = caught(() => apply(map({ a: '1' }), { a: '2' }));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
    expect(fieldsOf(apply(map({ a: '1' }), { a: '2' }, by('s', { force: true })))['data']).toEqual({
      a: '2',
    });
  });
  test('kubectl may take what its own annotation says it set', () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const live = map(
      { a: '1' },
      {
        annotations: {
          [annotation]: JSON.stringify({
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: {},
            data: { a: '1' },
          }),
        },
      },
    );
    const taken = apply(live, { a: '2' }, by('kubectl'));
    expect(fieldsOf(taken)['data']).toEqual({ a: '2' });
    expect(JSON.parse(taken.metadata.annotations?.[annotation] ?? '')).toMatchObject({
      data: { a: '2' },
    });
    expect(() => apply(live, { a: '2' }, by('helm'))).toThrow('conflict with "before-first-apply"');
  });
  test('bad configurations', () => {
    const patch = (more: Record<string, unknown>): unknown => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x' },
      ...more,
    });
    const failure = (p: unknown): string =>
      caught(() => applyPatch(configMaps, undefined, p, by('s'))).message;
    expect(failure(patch({ kind: 'Pod' }))).toBe('invalid object type: /v1, Kind=Pod');
    expect(failure(patch({ metadata: { managedFields: [] } }))).toBe(
      'metadata.managedFields must be nil',
    );
    expect(failure(patch({ odd: 1 }))).toBe(
      'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .odd: field not ' +
        'declared in schema',
    );
    expect(failure(patch({ data: [] }))).toContain('.data: expected map, got []');
    expect(failure(patch({ immutable: 'x' }))).toContain('.immutable: expected boolean, got "x"');
    expect(failure('x')).toContain('error decoding YAML');
  });
});

describe('custom resources', () => {
  const field = (name: string, type: Schema): [string, FieldSchema] => [
    name,
    { name, type, required: false, pointer: true, omitEmpty: true },
  ];
  const struct = (
    name: string,
    preserveUnknown: boolean,
    ...fields: [string, FieldSchema][]
  ): StructSchema => ({
    kind: 'struct',
    name,
    fields: new Map(fields),
    typeMeta: name === 'K',
    atomic: false,
    preserveUnknown,
  });
  const meta = configMaps.type.fields.get('metadata') as FieldSchema;
  const type = struct(
    'K',
    false,
    ['metadata', meta],
    field(
      'spec',
      struct(
        'K.spec',
        true,
        field('set', { kind: 'list', items: { kind: 'string' }, listType: 'set', mapKeys: [] }),
      ),
    ),
  );
  const kinds: OwnedKind = {
    group: 'g',
    version: 'v1',
    kind: 'K',
    type,
    custom: true,
    resetFields: {},
  };
  const object = (spec: Record<string, unknown>): Unstructured => ({
    apiVersion: 'g/v1',
    kind: 'K',
    metadata: { name: 'x', uid: 'u' },
    spec,
  });
  test('values without a type are owned field by field', () => {
    const first = trackUpdate(
      kinds,
      undefined,
      object({ free: { a: 1, b: { c: [1] } }, set: ['x'] }),
      by('one'),
    );
    expect(first.metadata.managedFields).toMatchObject([
      {
        fieldsV1: {
          'f:spec': {
            '.': {},
            'f:free': { '.': {}, 'f:a': {}, 'f:b': { '.': {}, 'f:c': {} } },
            'f:set': { '.': {}, 'v:"x"': {} },
          },
        },
      },
    ]);
    const next = applyPatch(kinds, first, object({ free: { z: 1 }, set: ['y'] }), by('two'));
    expect(fieldsOf(next)['spec']).toEqual({
      free: { a: 1, b: { c: [1] }, z: 1 },
      set: ['x', 'y'],
    });
    const changed = trackUpdate(
      kinds,
      first,
      { ...object({ free: 'text', set: ['x'] }), metadata: { name: 'x', uid: 'u' } },
      by('three'),
    );
    expect(names(changed)).toEqual(['one', 'three']);
  });
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
