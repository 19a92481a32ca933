import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeValue } from '../codec/decode.ts';
import { builtinScheme } from '../scheme.ts';
import type { KubeObject, Unstructured } from '../object.ts';
import { applyDefaults } from './defaults.ts';
import { cases } from './testing/cases.ts';
import { onlyDefaults } from './testing/compare.ts';

const scheme = builtinScheme();
/** What kube-apiserver 1.36 made of each case. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testing/golden.json'), 'utf8'),
) as Record<string, unknown>;

function defaulted(body: object): Unstructured {
  const info = scheme.kindOf(body as KubeObject);
  if (!info) throw new Error('no such kind');
  const { object } = decodeValue(info, structuredClone(body));
  applyDefaults(info, object);
  // A second pass changes nothing, and the result is still in normal form.
  const again = structuredClone(object);
  applyDefaults(info, again);
  expect(again).toEqual(object);
  expect(decodeValue(info, object).object).toEqual(object);
  return object as Unstructured;
}

describe('defaults, as kube-apiserver applies them', () => {
  test.each(Object.keys(golden))('%s', (name) => {
    expect(onlyDefaults(defaulted(cases[name] as object))).toEqual(golden[name]);
  });

  test('every case has an answer', () =>
    expect(Object.keys(golden).sort()).toEqual(Object.keys(cases).sort()));
});

describe('what a server cannot show alone', () => {
  test('services that are reachable from outside', () => {
    const spec = (type: string, more: object = {}): unknown =>
      defaulted({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'x' },
        spec: { type, ports: [{ port: 80 }], ...more },
      })['spec'];
    expect(spec('NodePort')).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
    });
    expect(spec('LoadBalancer')).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
    });
    expect(spec('ClusterIP', { externalIPs: ['1.2.3.4'] })).toMatchObject({
      externalTrafficPolicy: 'Cluster',
    });
    expect(spec('ClusterIP')).not.toHaveProperty('externalTrafficPolicy');
  });

  test('the account of a pod has two names', () => {
    expect(
      defaulted({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [], serviceAccount: 'a' } })[
        'spec'
      ],
    ).toMatchObject({ serviceAccount: 'a', serviceAccountName: 'a' });
    expect(
      defaulted({
        apiVersion: 'v1',
        kind: 'Pod',
        spec: { containers: [], serviceAccountName: 'b', serviceAccount: 'a' },
      })['spec'],
    ).toMatchObject({ serviceAccount: 'b', serviceAccountName: 'b' });
  });
});
