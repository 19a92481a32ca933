import { fieldsOf } from '../object.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeJson, type FieldValidation } from '../codec/decode.ts';
import { applyDefaults } from '../defaults/defaults.ts';
import type { CustomResourceDefinition } from '../generated/types/apiextensions-v1.ts';
import { builtinScheme } from '../scheme.ts';
import { ApiError, fieldErrorBody } from '../status.ts';
import { kindsOfDefinition } from './kinds.ts';

type Answer = { causes: string[] } | { message: string } | { spec: unknown; status?: unknown };
interface Golden {
  definition: CustomResourceDefinition;
  cases: { text: string; Strict: Answer; Ignore: Answer }[];
}

/** A definition with everything in it, and what kube-apiserver 1.36 answered to each object. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testing/golden.json'), 'utf8'),
) as Golden;
const kind = kindsOfDefinition(golden.definition)[0];
if (!kind) throw new Error('no kind');

function answer(text: string, validation: FieldValidation): Answer {
  if (!kind) throw new Error('no kind');
  try {
    const { object } = decodeJson(kind, text, { validation });
    applyDefaults(kind, object);
    const errors = kind.crd?.validate(object) ?? [];
    if (errors.length)
      return { causes: errors.map((e) => `${e.field}: ${fieldErrorBody(e)} (${e.type})`).sort() };
    return JSON.parse(
      JSON.stringify({ spec: fieldsOf(object)['spec'], status: fieldsOf(object)['status'] }),
    ) as Answer;
  } catch (error) {
    if (error instanceof ApiError) return { message: error.message };
    throw error;
  }
}

describe('custom objects, as kube-apiserver judges them', () => {
  // The status of a new object is dropped by the strategy, not here.
  const judged = golden.cases.filter((one) => !one.text.includes('"status"'));
  test.each(judged.map((one) => one.text))('%s', (text) => {
    const want = golden.cases.find((one) => one.text === text);
    expect(answer(text, 'Strict')).toEqual(want?.Strict);
    expect(answer(text, 'Ignore')).toEqual(want?.Ignore);
  });
});

describe('a definition becomes kinds', () => {
  test('all that discovery and the registry ask for', () => {
    expect(kind).toMatchObject({
      group: 'example.com',
      version: 'v1',
      kind: 'Foo',
      listKind: 'FooList',
      resource: 'foos',
      singular: 'foo',
      namespaced: true,
      custom: true,
      storageVersion: 'example.com/v1',
    });
    expect([...kind.subresources.keys()]).toEqual(['status']);
    expect(kind.type.typeMeta).toBe(true);
    expect(kind.type.fields.get('metadata')?.type).toMatchObject({
      kind: 'struct',
      name: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    });
    const spec = kind.type.fields.get('spec')?.type;
    if (spec?.kind !== 'struct') throw new Error('spec is not a struct');
    expect(spec.fields.get('map')?.type).toMatchObject({
      kind: 'list',
      listType: 'map',
      mapKeys: ['k'],
    });
    expect(spec.fields.get('ios')?.type.kind).toBe('intOrString');
    expect(spec.fields.get('o')?.type).toMatchObject({ kind: 'map', values: { kind: 'int64' } });
  });

  test('the scheme serves them while the definition stands', () => {
    const scheme = builtinScheme();
    let changes = 0;
    const stop = scheme.onChange(() => changes++);
    scheme.setCustom('foos.example.com', [kind]);
    expect(scheme.resource('example.com', 'v1', 'foos')).toBe(kind);
    expect(scheme.customGroups()).toEqual([
      { name: 'example.com', versions: ['v1'], priority: {} },
    ]);
    scheme.setCustom('foos.example.com', []);
    expect(scheme.resource('example.com', 'v1', 'foos')).toBeUndefined();
    expect(changes).toBe(2);
    stop();
  });

  test('an update is not held to what it does not change', () => {
    const bad = { spec: { must: 'x', i: 99, map: [{ k: 'a', v: 'text' }] } };
    expect(kind.crd?.validate(bad)).toHaveLength(2);
    expect(kind.crd?.validate({ spec: { ...bad.spec, must: 'y' } }, bad)).toEqual([]);
    expect(kind.crd?.validate({ spec: { ...bad.spec, i: 98 } }, bad)).toHaveLength(1);
  });
});
