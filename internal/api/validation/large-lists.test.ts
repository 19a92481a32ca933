import { describe, expect, test } from 'vitest';
import { decodeValue } from '../codec/decode.ts';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { invalid } from '../status.ts';
import { validateCreate, validateUpdate } from './validate.ts';

/**
 * Lists as long as a body may hold: what looks at each pair of their items takes ten times the
 * bound on time and more.
 */
const count = 30_000;
const mostSeconds = 2;

const pod = builtinScheme().kind('', 'v1', 'Pod') as KindInfo;
const list = <T>(make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const podWith = (
  spec: Record<string, unknown>,
  container: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): ReturnType<typeof decodeValue>['object'] =>
  decodeValue(pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'a', image: 'b', ...container }], ...spec },
  }).object;

function seconds(run: () => unknown): number {
  const began = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

const claims = (make: (i: number) => unknown): Record<string, unknown> => ({
  resources: { claims: list(make) },
});

describe('a long list costs what its length says', () => {
  test.each([
    [
      'topology spread constraints',
      podWith({
        topologySpreadConstraints: list((i) => ({
          maxSkew: 1,
          topologyKey: `k${i}`,
          whenUnsatisfiable: 'DoNotSchedule',
        })),
      }),
    ],
    [
      'keys of one constraint',
      podWith({
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'k',
            whenUnsatisfiable: 'DoNotSchedule',
            matchLabelKeys: list((i) => `k${i}`),
            labelSelector: {
              matchExpressions: list((i) => ({ key: `k${i}`, operator: 'Exists' })),
            },
          },
        ],
      }),
    ],
    [
      'claims',
      podWith(
        { resourceClaims: list((i) => ({ name: `r${i}`, resourceClaimName: 'a' })) },
        claims((i) => ({ name: `r${i}` })),
      ),
    ],
    [
      'claims with requests',
      podWith(
        { resourceClaims: list((i) => ({ name: `r${i}`, resourceClaimName: 'a' })) },
        claims((i) => ({ name: `r${i}`, ...(i % 2 && { request: 'x' }) })),
      ),
    ],
    [
      'claims that are not there',
      podWith(
        { resourceClaims: list((i) => ({ name: `r${i}`, resourceClaimName: 'a' })) },
        claims((i) => ({ name: `s${i}` })),
      ),
    ],
    [
      'mounts and devices',
      podWith(
        {},
        {
          volumeMounts: list((i) => ({ name: `v${i}`, mountPath: `/m${i}` })),
          volumeDevices: list((i) => ({ name: `w${i}`, devicePath: `/d${i}` })),
        },
      ),
    ],
    [
      'AppArmor annotations',
      podWith(
        { initContainers: list((i) => ({ name: `c${i}`, image: 'b' })) },
        {},
        {
          annotations: Object.fromEntries(
            list((i) => [`container.apparmor.security.beta.kubernetes.io/x${i}`, 'unconfined']),
          ),
        },
      ),
    ],
  ])('%s', (_what, object) => {
    expect(seconds(() => validateCreate(pod, object))).toBeLessThan(mostSeconds);
  });

  test.each([
    ['scheduling gates', { schedulingGates: list((i) => ({ name: `x.io/g${i}` })) }],
    ['tolerations', { tolerations: list((i) => ({ key: `k${i}`, operator: 'Exists' })) }],
  ])('%s of a pod that changes', (_what, spec) => {
    const [object, old] = [podWith(spec), podWith(spec)];
    expect(seconds(() => validateUpdate(pod, object, old))).toBeLessThan(mostSeconds);
  });

  test('finalizers of an object that is being deleted', () => {
    const meta = {
      finalizers: list((i) => `x.io/f${i}`),
      deletionTimestamp: '2026-11-21T05:00:00Z',
    };
    const [object, old] = [podWith({}, {}, meta), podWith({}, {}, meta)];
    expect(seconds(() => validateUpdate(pod, object, old))).toBeLessThan(mostSeconds);
  });
});

test('of equal constraints all but the last are named; of claims all but the first', () => {
  const spread = ['a', 'b', 'a', 'a'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'DoNotSchedule',
  }));
  const fields = (object: ReturnType<typeof podWith>): string[] =>
    validateCreate(pod, object)
      .filter((e) => e.type === 'FieldValueDuplicate')
      .map((e) => e.field);
  expect(fields(podWith({ topologySpreadConstraints: spread }))).toEqual(
    [0, 2].map((i) => `spec.topologySpreadConstraints[${i}].{topologyKey, whenUnsatisfiable}`),
  );
  const twice = podWith(
    {
      resourceClaims: [
        { name: 'r', resourceClaimName: 'a' },
        { name: 'r2', resourceClaimName: 'a' },
      ],
    },
    {
      resources: {
        claims: [
          { name: 'r', request: 'x' },
          { name: 'r' },
          { name: 'r2' },
          { name: 'r2', request: 'y' },
        ],
      },
    },
  );
  expect(fields(twice)).toEqual([1, 3].map((i) => `spec.containers[0].resources.claims[${i}]`));
});

test('an answer is not many times as long as what it answers', () => {
  const problems = validateCreate(
    pod,
    podWith(
      { resourceClaims: list((i) => ({ name: `r${i}`, resourceClaimName: 'a' })) },
      claims((i) => ({ name: `s${i}` })),
    ),
  );
  const error = invalid({ group: '', kind: 'Pod' }, 'p', problems);
  expect(error.message.length).toBeLessThan(2 << 20);
  expect(error.message).toMatch(/and \d+ more\]$/);
  expect(JSON.stringify(error.details).length).toBeLessThan(4 << 20);
  // One alone is shown whatever its length.
  const long = invalid({ group: '', kind: 'Pod' }, 'p', [
    { type: 'FieldValueInvalid', field: 'spec', value: 1, detail: 'x'.repeat(3 << 20) },
  ]);
  expect(long.details?.causes?.length).toBe(1);
});
