import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type {
  ConfigMap,
  Container,
  EnvVar,
  Pod,
  Secret,
  Service,
} from '../../api/generated/types/core-v1.ts';
import { notFound } from '../../api/status.ts';
import { fieldValue, formatMap, resourceValue } from './downward.ts';
import { envFileValue } from './env-file.ts';
import { makeEnvironment, type EnvironmentSources } from './environment.ts';
import { expand, expandSubPath } from './expand.ts';
import { serviceLinks } from './service-links.ts';

const facts = {
  podIPs: ['10.42.0.5', 'fd00::5'],
  hostIPs: ['192.168.0.2'],
  allocatable: { cpu: '4', memory: '2Gi' },
};
const service = (
  name: string,
  namespace: string,
  ports: object[],
  clusterIP = '10.43.0.9',
): Service => ({ metadata: { name, namespace }, spec: { clusterIP, ports } }) as Service;

const sources = (over: Partial<EnvironmentSources> = {}): EnvironmentSources => ({
  configMap: (_ns, name) =>
    name === 'cm'
      ? Promise.resolve(partOf<ConfigMap>({ data: { a: '1', 'b.c': '2' } }))
      : Promise.reject(notFound({ group: '', resource: 'configmap' }, name)),
  secret: (_ns, name) =>
    name === 's'
      ? Promise.resolve(partOf<Secret>({ data: { k: Buffer.from('v').toString('base64') } }))
      : Promise.reject(notFound({ group: '', resource: 'secret' }, name)),
  services: () => [
    service('kubernetes', 'default', [{ name: 'https', port: 443, protocol: 'TCP' }], '10.43.0.1'),
  ],
  ...over,
});

function podOf(container: Partial<Container>): { pod: Pod; container: Container } {
  const made = {
    name: 'c',
    resources: { limits: { cpu: '250m' }, requests: { memory: '32Mi' } },
    ...container,
  } as Container;
  const pod = partOf<Pod>({
    metadata: {
      name: 'p',
      namespace: 'ns',
      uid: 'u',
      labels: { b: '2', a: 'x"y' },
      annotations: { 'x/y': 'z' },
    },
    spec: { containers: [made], nodeName: 'n', serviceAccountName: 'sa' },
  });
  return { pod, container: made };
}

async function environmentOf(
  container: Partial<Container>,
  over: Partial<EnvironmentSources> = {},
): Promise<Record<string, string>> {
  return Object.fromEntries(
    await makeEnvironment({ ...podOf(container), facts, sources: sources(over) }),
  );
}

describe('expand', () => {
  const lookup = (name: string): string | undefined => ({ A: '1', B: '' })[name];
  it.each([
    ['$(A)-$(B)-$(C)', '1--$(C)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(A', '$(A'],
    ['a$', 'a$'],
    ['$A $x', '$A $x'],
    ['$()', '$()'],
    ['$$$$', '$$'],
  ])('%s -> %s', (input, output) => expect(expand(input, lookup)).toBe(output));

  it('wants a value for each name of a subPathExpr', () => {
    expect(expandSubPath('$(A)/x', new Map([['A', 'p']]))).toBe('p/x');
    expect(() => expandSubPath('$(B)/$(A)', new Map([['A', '']]))).toThrow(
      'missing value for A, B',
    );
  });
});

describe('makeEnvironment', () => {
  it('puts envFrom before env, and references see both', async () => {
    const env = [
      { name: 'a', value: 'own' },
      { name: 'X', value: '$(a) $(PRE_k) $(KUBERNETES_SERVICE_HOST)' },
    ] as EnvVar[];
    const found = await environmentOf({
      envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'PRE_', secretRef: { name: 's' } }],
      env,
    });
    expect(found).toMatchObject({
      a: 'own',
      'b.c': '2',
      PRE_k: 'v',
      X: 'own v 10.43.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    });
  });

  it('reads keys, fields and resources', async () => {
    const env = [
      { name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'F', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'R', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'E' },
      { name: 'O', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
      { name: 'O2', valueFrom: { configMapKeyRef: { name: 'cm', key: 'x', optional: true } } },
    ] as EnvVar[];
    const found = await environmentOf({ env });
    expect(found).toMatchObject({ K: 'v', F: '10.42.0.5', R: '250', E: '' });
    expect(found).not.toHaveProperty('O');
    expect(found).not.toHaveProperty('O2');
  });

  it('fails in the words of the kubelet', async () => {
    const ref = (valueFrom: object): Partial<Container> => ({
      env: [{ name: 'X', valueFrom } as EnvVar],
    });
    await expect(
      environmentOf(ref({ configMapKeyRef: { name: 'cm', key: 'zz' } })),
    ).rejects.toThrow("couldn't find key zz in ConfigMap ns/cm");
    await expect(environmentOf(ref({ secretKeyRef: { name: 's', key: 'zz' } }))).rejects.toThrow(
      "couldn't find key zz in Secret ns/s",
    );
    await expect(environmentOf(ref({ secretKeyRef: { name: 'none', key: 'zz' } }))).rejects.toThrow(
      'secret "none" not found',
    );
    await expect(environmentOf({ envFrom: [{ configMapRef: { name: 'none' } }] })).rejects.toThrow(
      'configmap "none" not found',
    );
    await expect(environmentOf({}, { services: () => undefined })).rejects.toThrow(
      'services have not yet been read at least once, cannot construct envvars',
    );
  });
});

it('links only what the pod may see', () => {
  const all = [
    service('kubernetes', 'default', [{ port: 443 }]),
    service('red-is', 'ns', [
      { name: 'a-b', port: 1, protocol: 'UDP' },
      { name: 'c', port: 2 },
    ]),
    service('headless', 'ns', [{ port: 3 }], 'None'),
    service('far', 'other', [{ port: 4 }]),
  ];
  const links = serviceLinks(all, { namespace: 'ns', enabled: true });
  expect(links.get('RED_IS_PORT')).toBe('udp://10.43.0.9:1');
  expect(links.get('RED_IS_SERVICE_PORT_A_B')).toBe('1');
  expect(links.get('RED_IS_PORT_2_TCP_ADDR')).toBe('10.43.0.9');
  expect([...links.keys()].some((key) => /HEADLESS|FAR/.test(key))).toBe(false);
  expect(
    [...serviceLinks(all, { namespace: 'ns', enabled: false }).keys()].every((key) =>
      key.startsWith('KUBERNETES'),
    ),
  ).toBe(true);
});

describe('downward API', () => {
  const { pod, container } = podOf({});
  it('writes maps sorted and quoted', () => {
    expect(formatMap({ b: '2', a: 'x"\n\u0001é\u00a0' })).toBe('a="x\\"\\n\\x01é\\u00a0"\nb="2"');
    expect(fieldValue(pod, "metadata.labels['a']", facts)).toBe('x"y');
    expect(fieldValue(pod, "metadata.annotations['no']", facts)).toBe('');
    expect(fieldValue(pod, 'status.podIPs', facts)).toBe('10.42.0.5,fd00::5');
    expect(() => fieldValue(pod, 'spec.x', facts)).toThrow('unsupported fieldPath: spec.x');
  });

  it('rounds up and falls back to the node', () => {
    expect(resourceValue({ resource: 'limits.cpu', divisor: '' }, pod, container, facts)).toBe('1');
    expect(
      resourceValue({ resource: 'limits.memory', divisor: '1Mi' }, pod, container, facts),
    ).toBe('2048');
    expect(
      resourceValue(
        { resource: 'requests.memory', containerName: 'c', divisor: '1Mi' },
        pod,
        undefined,
        facts,
      ),
    ).toBe('32');
    expect(resourceValue({ resource: 'requests.cpu', divisor: '' }, pod, container, facts)).toBe(
      '0',
    );
    expect(() =>
      resourceValue({ resource: 'limits.gpu', divisor: '' }, pod, container, facts),
    ).toThrow('unsupported container resource : limits.gpu');
  });
});

it('parses env files strictly', () => {
  const text = "# c\n\nA='1'\n  B='x\ny' # tail\nC= 'q'\n";
  expect([
    envFileValue(text, 'A'),
    envFileValue(text, 'B'),
    envFileValue(text, 'C'),
    envFileValue(text, 'D'),
  ]).toEqual(['1', 'x\ny', '', '']);
  expect(() => envFileValue('A=1', 'A')).toThrow('line 1: value must be enclosed in single quotes');
  expect(() => envFileValue("A ='1'", 'A')).toThrow("whitespace before '='");
  expect(() => envFileValue("A='1", 'A')).toThrow('unclosed single quote');
});
