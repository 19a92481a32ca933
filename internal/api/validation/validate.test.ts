import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeValue } from '../codec/decode.ts';
import { applyDefaults } from '../defaults/defaults.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { builtinScheme } from '../scheme.ts';
import type { KindInfo } from '../scheme.ts';
import { splitApiVersion } from '../scheme.ts';
import { fieldErrorBody } from '../status.ts';
import type { FieldError } from '../status.ts';
import { strategyFor } from '../strategy/strategy.ts';
import { validateCreate, validateUpdate } from './validate.ts';

/**
 * Name, subresource, what is changed where, and the causes that kube-apiserver named: field,
 * reason, message.
 */
type Case = [string, string, Record<string, unknown>, [string, string, string][]];

interface Suite {
  apiVersion: string;
  kind: string;
  update: boolean;
  object: KubeObject;
  cases: Case[];
}

const now = '2026-11-21T05:00:00Z';
const scheme = builtinScheme();
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/**
 * Puts a value where a path like `spec.containers[0].name` leads; null takes away what is there.
 */
function put(target: Dict, path: string, value: unknown): void {
  const keys = (path.match(/\["[^"]*"\]|[^.[\]]+/g) ?? []).map((key) =>
    key.replace(/^\["|"\]$/g, ''),
  );
  const last = keys.pop() ?? '';
  let here: Dict = target;
  for (const key of keys) here = (here[key] ??= {}) as Dict;
  if (Array.isArray(here) && last === '+') here.push(value);
  else if (value !== null) here[last] = value;
  else delete here[last];
}

function read(info: KindInfo, value: KubeObject): KubeObject {
  const { object } = decodeValue(info, copy(value));
  applyDefaults(info, object);
  return object;
}

/**
 * What the API server does before it validates: the system's fields, addresses of services, the
 * strategy.
 */
function judge(
  info: KindInfo,
  sent: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): FieldError[] {
  const object = read(info, sent);
  const meta = object.metadata;
  if (info.namespaced) meta.namespace = 'default';
  const strategy = strategyFor(info);
  if (old)
    Object.assign(meta, {
      resourceVersion: old.metadata.resourceVersion,
      uid: old.metadata.uid,
      creationTimestamp: old.metadata.creationTimestamp,
    });
  else {
    Object.assign(meta, { uid: 'u', creationTimestamp: now });
    delete meta.resourceVersion;
  }
  if (info.kind === 'Service')
    mirrorAddress(
      fieldsOf(object)['spec'] as Dict,
      (old && fieldsOf(old)['spec']) as Dict | undefined,
    );
  if (old) strategy.prepareForUpdate(object, old, subresource, { now });
  else strategy.prepareForCreate(object, { now });
  applyDefaults(info, object);
  return old ? strategy.validateUpdate(object, old, subresource) : strategy.validateCreate(object);
}

function mirrorAddress(spec: Dict, old: Dict | undefined): void {
  const same = JSON.stringify(spec['clusterIPs']) === JSON.stringify(old?.['clusterIPs']);
  if (
    old ? spec['clusterIP'] !== old['clusterIP'] && same : spec['clusterIP'] && !spec['clusterIPs']
  )
    spec['clusterIPs'] = spec['clusterIP'] ? [spec['clusterIP']] : undefined;
}

const shown = (errors: readonly FieldError[]): string[] =>
  errors.map((e) => `${e.field} ${e.type.replace(/^FieldValue/, '')} ${fieldErrorBody(e)}`).sort();

const folder = new URL('./testdata/', import.meta.url);
for (const file of readdirSync(folder)) {
  const suites = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Suite[];
  describe(`as kube-apiserver judges: ${file.replace('.json', '')}`, () => {
    for (const suite of suites) {
      const { group, version } = splitApiVersion(suite.apiVersion);
      const info = scheme.kind(group, version, suite.kind) as KindInfo;
      const old = suite.update ? read(info, suite.object) : undefined;
      test.each(suite.cases)(
        `${suite.kind} ${suite.update ? 'changed' : 'new'}: %s %s`,
        (_name, subresource, changes, causes) => {
          const sent = copy(suite.object);
          for (const [path, value] of Object.entries(changes)) put(fieldsOf(sent), path, value);
          const errors = judge(info, sent, old, subresource);
          expect(shown(errors)).toEqual(
            causes.map(([field, reason, message]) => `${field} ${reason} ${message}`).sort(),
          );
        },
      );
    }
  });
}

describe('kinds without rules of their own', () => {
  const widget = { group: 'example.com', version: 'v1', kind: 'Widget', namespaced: true };
  const object = (meta: object): KubeObject => ({
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w', namespace: 'default', ...meta },
  });
  test('have a name that can stand in a path', () => {
    expect(shown(validateCreate(widget, object({ name: 'A_b' })))).toEqual([]);
    expect(validateCreate(widget, object({ name: 'a/b' })).map((e) => e.field)).toEqual([
      'metadata.name',
    ]);
  });
  test('custom resources are named like hosts, their finalizers as anyone likes', () => {
    const custom = { ...widget, custom: true };
    expect(validateCreate(custom, object({ name: 'A_b' })).map((e) => e.field)).toEqual([
      'metadata.name',
    ]);
    expect(validateCreate(custom, object({ finalizers: ['plain'] }))).toEqual([]);
  });
  test('keep who they are', () => {
    const old = object({ uid: '1', resourceVersion: '5', generation: 3 });
    const fields = (meta: object): string[] => [
      ...new Set(
        validateUpdate(
          widget,
          object({ uid: '1', resourceVersion: '5', generation: 3, ...meta }),
          old,
        ).map((e) => e.field),
      ),
    ];
    expect(fields({})).toEqual([]);
    expect(fields({ uid: '2', name: 'x' })).toEqual(['metadata.name', 'metadata.uid']);
    expect(fields({ generation: 2 })).toEqual(['metadata.generation']);
    expect(fields({ resourceVersion: undefined })).toEqual(['metadata.resourceVersion']);
  });
  test('take no new finalizers once they are going', () => {
    const gone = { uid: '1', resourceVersion: '5', deletionTimestamp: now };
    const errors = validateUpdate(
      widget,
      object({ ...gone, finalizers: ['a/b', 'c/d'] }),
      object({ ...gone, finalizers: ['a/b'] }),
    );
    expect(errors[0]).toEqual({
      type: 'FieldValueForbidden',
      field: 'metadata.finalizers',
      detail:
        'no new finalizers can be added if the object is being deleted, found new finalizers ' +
        '[]string{"c/d"}',
    });
  });
});
