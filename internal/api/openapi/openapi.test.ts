import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kindsOfDefinition } from '../crd/kinds.ts';
import type { CustomResourceDefinition } from '../generated/types/apiextensions-v1.ts';
import { builtinScheme } from '../scheme.ts';
import { OpenApiDocuments } from './documents.ts';

type Json = Record<string, unknown>;
const read = (path: string): Json =>
  JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8')) as Json;
/**
 * What kube-apiserver 1.36 publishes for the same things; descriptions of built-in types left out.
 */
const golden = read('testing/golden.json') as {
  custom: Record<'v2' | 'v3' | 'listV2', Json>;
  builtin: { v2: Json; v3: Json; path: Json };
};
const definition = read('../crd/testing/golden.json')['definition'] as CustomResourceDefinition;

function without(value: unknown, drop: (key: string, value: unknown) => boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, drop));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !drop(key, item))
      .map(([key, item]) => [key, without(item, drop)]),
  );
}

const bare = (value: unknown): unknown =>
  without(value, (key, item) => key === 'description' && typeof item === 'string');
/** Our words for apiVersion and kind are shorter. */
const shortened = (value: unknown): unknown =>
  without(
    value,
    (key, item) =>
      key === 'description' && typeof item === 'string' && /^(APIVersion|Kind) /.test(item),
  );

const scheme = builtinScheme();
const documents = new OpenApiDocuments(scheme);
const parse = (body: Buffer | undefined): Record<string, Json> =>
  JSON.parse((body ?? Buffer.from('{}')).toString()) as Record<string, Json>;
const schemasOf = (document: Record<string, Json>): Json =>
  document['components']?.['schemas'] as Json;

describe('built-in kinds', () => {
  const v3 = parse(documents.v3At('apis/apps/v1')?.body);
  const v2 = parse(documents.v2Json().body);

  test.each(Object.keys(golden.builtin.v3))('%s', (name) => {
    expect(bare(schemasOf(v3)[name])).toEqual(golden.builtin.v3[name]);
    expect(bare((v2['definitions'] as Json)[name])).toEqual(golden.builtin.v2[name]);
  });

  test('a path with all its operations', () => {
    expect(
      bare((v3['paths'] as Json)['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']),
    ).toEqual(golden.builtin.path);
  });

  test(
    'every path, operation, media type and parameter that kube-apiserver 1.36 publishes, and ' +
      'no other',
    () => {
      const wanted = readFileSync(join(import.meta.dirname, 'testing/operations-1.36.tsv'), 'utf8')
        .replace(/\n$/, '')
        .split('\n');
      const shared = v2['parameters'] as Record<string, Record<string, string>>;
      const names = (list: unknown): string[] =>
        ((list ?? []) as Record<string, string>[]).map(
          (one) =>
            one['name'] ??
            shared[(one['$ref'] ?? '').slice('#/parameters/'.length)]?.['name'] ??
            '',
        );
      const types = (list: unknown): string =>
        ((list ?? []) as string[]).join().replaceAll('application/', '');
      const got = Object.entries(
        v2['paths'] as Record<string, Record<string, Record<string, unknown>>>,
      ).flatMap(([path, item]) =>
        Object.entries(item)
          .filter(([method]) => method !== 'parameters')
          .map(([method, one]) =>
            [
              method,
              path,
              one['operationId'],
              one['x-kubernetes-action'] ?? '',
              types(one['consumes']),
              types(one['produces']),
              [...names(item['parameters']), ...names(one['parameters'])].sort().join(),
            ].join('\t'),
          ),
      );
      expect(got.sort()).toEqual(wanted.sort());
    },
  );

  test('documents about the API itself', () => {
    const index = parse(documents.v3Index().body)['paths'] as Json;
    for (const path of [
      'api',
      'apis',
      'apis/apps',
      'version',
      'openid/v1/jwks',
      '.well-known/openid-configuration',
    ]) {
      expect(index).toHaveProperty([path]);
      const document = parse(documents.v3At(path)?.body);
      expect(Object.keys(document['paths'] as Json)).toEqual([`/${path}/`]);
      for (const [, name = ''] of JSON.stringify(document).matchAll(
        /"#\/components\/schemas\/([^"]+)"/g,
      ))
        expect(schemasOf(document)).toHaveProperty([name]);
    }
    expect(documents.v3At('apis/nowhere')).toBeUndefined();
  });

  test('every reference leads somewhere', () => {
    for (const path of [
      'api/v1',
      'apis/batch/v1',
      'apis/apiextensions.k8s.io/v1',
      'apis/authorization.k8s.io/v1',
    ]) {
      const document = parse(documents.v3At(path)?.body);
      for (const [, name = ''] of JSON.stringify(document).matchAll(
        /"#\/components\/schemas\/([^"]+)"/g,
      ))
        expect(schemasOf(document)).toHaveProperty([name]);
    }
    for (const [, name = ''] of JSON.stringify(v2).matchAll(/"#\/definitions\/([^"]+)"/g))
      expect(v2['definitions']).toHaveProperty([name]);
    for (const [, name = ''] of JSON.stringify(v2).matchAll(/"#\/parameters\/([^"]+)"/g))
      expect(v2['parameters']).toHaveProperty([name]);
  });

  test('operations have names of their own', () => {
    const ids = [...JSON.stringify(v2).matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('the protobuf form begins as gnostic wants it', () => {
    const bytes = documents.v2Protobuf().body;
    expect(bytes.subarray(0, 5).toString('latin1')).toBe('\n\x032.0');
    expect(bytes.includes('io.k8s.api.core.v1.PodSpec')).toBe(true);
  });
});

describe('custom kinds', () => {
  test('come and go with their definition, and change only their own document', () => {
    const before = parse(documents.v3Index().body)['paths'] as Record<
      string,
      { serverRelativeURL: string }
    >;
    const tag = documents.v2Json().etag;
    scheme.setCustom(
      'foos.example.com',
      kindsOfDefinition({
        ...definition,
        spec: {
          ...definition.spec,
          names: { ...definition.spec.names, listKind: 'FooList', singular: 'foo' },
        },
      }),
    );
    const after = parse(documents.v3Index().body)['paths'] as Record<
      string,
      { serverRelativeURL: string }
    >;
    expect(after['apis/apps/v1']).toEqual(before['apis/apps/v1']);
    expect(after['apis/example.com/v1']?.serverRelativeURL).toMatch(
      /^\/openapi\/v3\/apis\/example\.com\/v1\?hash=[0-9A-F]+$/,
    );

    const v3 = schemasOf(parse(documents.v3At('apis/example.com/v1')?.body));
    expect(shortened(v3['com.example.v1.Foo'])).toEqual(shortened(golden.custom.v3));
    const v2 = parse(documents.v2Json().body)['definitions'] as Json;
    expect(shortened(v2['com.example.v1.Foo'])).toEqual(shortened(golden.custom.v2));
    expect(shortened(v2['com.example.v1.FooList'])).toEqual(shortened(golden.custom.listV2));

    scheme.setCustom('foos.example.com', []);
    expect(documents.v3At('apis/example.com/v1')).toBeUndefined();
    expect(documents.v2Json().etag).toBe(tag);
  });
});
