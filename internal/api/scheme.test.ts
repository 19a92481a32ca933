import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Schema } from './schema.ts';
import { builtinScheme, compareKubeVersions } from './scheme.ts';

const scheme = builtinScheme();

describe('what is served', () => {
  test('every served resource has a type that can be walked to its end', () => {
    const seen = new Set<Schema>();
    const walk = (schema: Schema): void => {
      if (seen.has(schema)) return;
      seen.add(schema);
      if (schema.kind === 'struct') for (const field of schema.fields.values()) walk(field.type);
      else if (schema.kind === 'list') walk(schema.items);
      else if (schema.kind === 'map') walk(schema.values);
    };
    const infos = [...scheme.resources()];
    expect(infos.length).toBeGreaterThan(55);
    for (const info of infos) {
      walk(info.type);
      if (info.verbs.includes('list'))
        expect(info.listType?.fields.get('items')?.type.kind).toBe('list');
      for (const sub of info.subresources.values())
        expect(
          scheme.kind(sub.group, sub.version, sub.kind),
          `${info.resource}/${sub.name}`,
        ).toBeDefined();
    }
  });

  test('a schema is the same object every time', () => {
    expect(scheme.resource('', 'v1', 'pods')?.type).toBe(scheme.kind('', 'v1', 'Pod')?.type);
    const deployment = scheme.resource('apps', 'v1', 'deployments');
    const template = deployment?.type.fields.get('spec')?.type;
    if (template?.kind !== 'struct') throw new Error('spec is not a struct');
    expect(template.fields.get('selector')).toMatchObject({
      required: true,
      pointer: true,
      omitEmpty: false,
    });
    expect(template.fields.get('strategy')?.patchStrategy).toBe('retainKeys');
  });

  test('storage version hashes are what discovery publishes', () => {
    for (const info of scheme.resources()) {
      if (!info.storageVersionHash) continue;
      const slash = info.storageVersion.includes('/')
        ? info.storageVersion
        : `/${info.storageVersion}`;
      const hash = createHash('sha256')
        .update(`${slash}/${info.kind}`)
        .digest()
        .subarray(0, 8)
        .toString('base64');
      // Core events are stored under their own kind whatever group asks.
      expect(info.storageVersionHash, info.resource).toBe(hash);
    }
  });

  test('versions that are off can be turned on, and off again', () => {
    expect(scheme.resource('resource.k8s.io', 'v1beta1', 'resourceclaims')).toBeUndefined();
    const other = builtinScheme({ serve: { 'resource.k8s.io/v1beta1': true, 'v1/pods': false } });
    expect(other.resource('resource.k8s.io', 'v1beta1', 'resourceclaims')).toBeDefined();
    expect(other.resource('', 'v1', 'pods')).toBeUndefined();
    expect(other.groups().find((group) => group.name === 'resource.k8s.io')?.versions).toEqual([
      'v1',
      'v1beta1',
    ]);
  });

  test('kinds that are only spoken', () => {
    expect(scheme.kind('apps', 'v1', 'DeleteOptions')?.type.name).toBe(
      'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
    );
    expect(scheme.kind('autoscaling', 'v1', 'Scale')?.resource).toBe('');
    expect(scheme.kind('policy', 'v1', 'Eviction')).toBeDefined();
    expect(scheme.kind('', 'v1', 'Nothing')).toBeUndefined();
  });
});

describe('versions', () => {
  test('in order of preference', () => {
    const want = [
      'v10',
      'v2',
      'v1',
      'v11beta2',
      'v10beta3',
      'v3beta1',
      'v12alpha1',
      'v11alpha2',
      'foo1',
      'foo10',
    ];
    expect([...want].reverse().sort(compareKubeVersions)).toEqual(want);
  });

  test('the order is one', () => {
    const version = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.nat(12), fc.constantFrom('', 'alpha1', 'beta2', 'beta10'))
        .map(([n, s]) => `v${n}${s}`),
    );
    fc.assert(
      fc.property(
        version,
        version,
        (a, b) =>
          void expect(
            Math.sign(compareKubeVersions(a, b)) + Math.sign(compareKubeVersions(b, a)),
          ).toBe(0),
      ),
    );
  });
});
