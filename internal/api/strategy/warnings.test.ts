import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { cidrWarnings, ipWarnings } from './ip-warnings.ts';
import { warningsFor } from './warnings.ts';

const info = (group: string, kind: string) => ({ group, version: 'v1', kind, namespaced: true });
const make = (
  kind: string,
  rest: Record<string, unknown>,
  metadata: Record<string, unknown> = {},
): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name: 'x', ...metadata }, ...rest });
const pod = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): string[] =>
  warningsFor(
    info('', 'Pod'),
    make('Pod', { spec: { containers: [], ...spec } }, metadata),
    undefined,
    '',
  );
const container = (more: Record<string, unknown>): Record<string, unknown> => ({
  containers: [{ name: 'c', resources: {}, ...more }],
});

describe('pods', () => {
  test.each<[string, Record<string, unknown>, string[]]>([
    [
      'old labels',
      { nodeSelector: { 'beta.kubernetes.io/os': 'linux' } },
      [
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use ' +
          '"kubernetes.io/os" instead',
      ],
    ],
    [
      'no selector',
      { topologySpreadConstraints: [{ topologyKey: 'z' }] },
      [
        'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in ' +
          'matching no pod',
      ],
    ],
    [
      'old volumes',
      { volumes: [{ name: 'v', gitRepo: {} }] },
      ['spec.volumes[0].gitRepo: deprecated in v1.11'],
    ],
    [
      'hidden variables',
      container({
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
          { name: 'A', value: 'x$(A)' },
        ],
      }),
      [
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped ' +
          'when using apply',
      ],
    ],
    [
      'half a byte',
      container({ resources: { limits: { memory: '100m' } } }),
      [
        'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is ' +
          'invalid, must be an integer',
      ],
    ],
    [
      'same port',
      container({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
      ['spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]'],
    ],
    [
      'same host port',
      container({
        ports: [
          { containerPort: 80, hostPort: 1 },
          { containerPort: 80, hostPort: 1, hostIP: '1.1.1.1' },
        ],
      }),
      [
        'spec.containers[0].ports[1]: dangerously ambiguous port definition with ' +
          'spec.containers[0].ports[0]',
      ],
    ],
    [
      'same port name',
      container({
        ports: [
          { containerPort: 80, name: 'a' },
          { containerPort: 81, name: 'a' },
        ],
      }),
      [
        'spec.containers[0].ports[1]: duplicate port name "a" with ' +
          'spec.containers[0].ports[0], services and probes that select ports by name will use ' +
          'spec.containers[0].ports[0]',
      ],
    ],
    [
      'negative grace',
      { terminationGracePeriodSeconds: -1 },
      [
        'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and ' +
          'will be treated as 1',
      ],
    ],
    [
      'overlapping files',
      {
        volumes: [
          {
            name: 'v',
            configMap: {
              name: 'm',
              items: [
                { key: 'a', path: 'p' },
                { key: 'b', path: 'p/q' },
              ],
            },
          },
        ],
      },
      ['volume "v" (ConfigMap "m"): overlapping paths: "p/q" with "p"'],
    ],
    [
      'nameless secret',
      { imagePullSecrets: [{}] },
      ['spec.imagePullSecrets[0].name: invalid empty name ""'],
    ],
    [
      'affinity',
      {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'z' }] },
        },
      },
      [
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].' +
          'labelSelector: a null labelSelector results in matching no pod',
      ],
    ],
  ])('%s', (_title, spec, warnings) => expect(pod(spec)).toEqual(warnings));
  test('names', () => {
    expect(pod({}, { name: 'a.b' })).toEqual([
      "metadata.name: this is used in the Pod's hostname, which can result in surprising " +
        'behavior; a DNS label is recommended: [must not contain dots]',
    ]);
  });
  test('annotations', () => {
    expect(pod({}, { annotations: { 'scheduler.alpha.kubernetes.io/critical-pod': '' } })).toEqual([
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in ' +
        'v1.16+; use the "priorityClassName" field instead',
    ]);
  });
});

test('templates warn when they are new or changed', () => {
  const spec = { template: { spec: { containers: [], terminationGracePeriodSeconds: -1 } } };
  const text =
    'spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are ' +
    'invalid and will be treated as 1';
  const old = make('Deployment', { spec }, { generation: 1 });
  expect(warningsFor(info('apps', 'Deployment'), old, undefined, '')).toEqual([text]);
  expect(warningsFor(info('apps', 'Deployment'), old, old, '')).toEqual([]);
  expect(
    warningsFor(
      info('apps', 'Deployment'),
      make('Deployment', { spec }, { generation: 2 }),
      old,
      '',
    ),
  ).toEqual([text]);
  expect(warningsFor(info('apps', 'Deployment'), old, undefined, 'status')).toEqual([]);
});

test('services, quotas, accounts', () => {
  expect(
    warningsFor(
      info('', 'Service'),
      make('Service', {
        spec: {
          type: 'ClusterIP',
          clusterIP: 'None',
          sessionAffinity: 'ClientIP',
          externalName: 'e',
        },
      }),
      undefined,
      '',
    ),
  ).toEqual([
    'spec.SessionAffinity is ignored for headless services',
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ]);
  expect(
    warningsFor(
      info('', 'ResourceQuota'),
      make('ResourceQuota', { spec: { hard: { cpu: '2', 'limits.cpu': '1' } } }),
      undefined,
      '',
    ),
  ).toEqual(['ResourceQuota cpu (2) should be less than limits.cpu (1)']);
  expect(
    warningsFor(
      info('', 'ServiceAccount'),
      make(
        'ServiceAccount',
        {},
        { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
      ),
      undefined,
      '',
    ),
  ).toHaveLength(1);
  expect(warningsFor(info('g', 'Unknown'), make('Unknown', {}), undefined, '')).toEqual([]);
});

test('addresses in unusual forms', () => {
  expect(ipWarnings('p', '1.2.3.4')).toEqual([]);
  expect(ipWarnings('p', '01.2.3.4')).toEqual([
    'p: non-standard IP address "01.2.3.4" is invalid: use "1.2.3.4"',
  ]);
  expect(ipWarnings('p', '::ffff:1.2.3.4')).toEqual([
    'p: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"',
  ]);
  expect(ipWarnings('p', '2001:DB8::0:1')).toEqual([
    'p: IPv6 address "2001:DB8::0:1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ]);
  expect(cidrWarnings('p', '10.0.0.0/8')).toEqual([]);
  expect(cidrWarnings('p', '10.1.2.3/8')).toEqual([
    'p: CIDR value "10.1.2.3/8" is ambiguous in this context (should be "10.0.0.0/8" or ' +
      '"10.1.2.3/32"?)',
  ]);
  expect(cidrWarnings('p', '2001:DB8::/32')).toEqual([
    'p: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
  ]);
});
