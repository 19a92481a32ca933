import { each, type Attack } from '../attack.ts';
import type { Target } from '../target.ts';

/** A short text must not make much work, and no depth of it may break the server. */

/** An honest large body may take a tenth of this on a quiet machine. */
const slowMs = 5_000;
/** On a busy one: how much longer than an honest body of its size. */
const slowTimes = 12;
const configMaps = '/api/v1/namespaces/default/configmaps';
const victim = 'attack-decoders';
const keys = (count: number): string =>
  Array.from({ length: count }, (_, i) => `  k${i}: v`).join('\n');
const deep = (depth: number, open: string, close: string): string =>
  `${open.repeat(depth)}0${close.repeat(depth)}`;
const configMap = (rest: string): string =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},${rest}}`;

/**
 * Undefined when the answer came in good time; what that is on a busy machine, an honest body of a
 * megabyte says that is sent now.
 */
async function tooSlow(target: Target, ms: number): Promise<string | undefined> {
  if (ms <= slowMs) return undefined;
  const honest = await target.call({
    method: 'POST',
    path: `${configMaps}?dryRun=All`,
    body: configMap(
      `"data":{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":"honest"`).join(',')}}`,
    ),
    timeoutMs: 60_000,
  });
  return ms > slowTimes * honest.ms
    ? `${Math.round(ms)} ms, and an honest body takes ${Math.round(honest.ms)} ms`
    : undefined;
}

/**
 * What a body of somebody who may not even create the object costs is the same: it is the
 * administrator who sends it here.
 */
async function send(
  target: Target,
  body: string,
  type: string,
  path = `${configMaps}?dryRun=All`,
  method = 'POST',
): Promise<string | undefined> {
  const { status, ms } = await target.call({ method, path, body, type, timeoutMs: 60_000 });
  if (status >= 500) return `${status} for a body of ${body.length} bytes`;
  return tooSlow(target, ms);
}

const terms = (length: number, term: (i: number) => string): string =>
  Array.from({ length }, (_, i) => term(i)).join(',');

const yamls: Record<string, string> = {
  'merge-keys':
    `apiVersion: v1\nkind: ConfigMap\na: &a\n${keys(20_000)}\nb:\n` + '- <<: *a\n'.repeat(190),
  'merge-of-many':
    `a: &a\n${keys(2_000)}\nb:\n  <<: ` +
    `[${Array.from({ length: 3_000 }, () => '*a').join(',')}]\n`,
  'billion-laughs':
    'l0: &l0 [a,a,a,a,a,a,a,a,a]\n' +
    Array.from({ length: 9 }, (_, i) => {
      const nine = Array.from({ length: 9 }, () => `*l${i}`).join(',');
      return `l${i + 1}: &l${i + 1} [${nine}]\n`;
    }).join(''),
  'empty-values':
    `a: &a {${Array.from({ length: 30_000 }, (_, i) => `k${i}: `).join(',')}}\nb:\n` +
    `${'- *a\n'.repeat(500)}`,
  'deep-flow': deep(100_000, '[', ']'),
  'deep-block': '- '.repeat(100_000),
  'deep-keys': '? '.repeat(100_000),
  'long-integer': `a: 0x${'f'.repeat(1_000_000)}`,
};

const jsons: Record<string, string> = {
  'deep-lists': configMap(`"x":${deep(100_000, '[', ']')}`),
  'deep-maps': configMap(`"x":${deep(100_000, '{"a":', '}')}`),
  'deep-open': '['.repeat(1_000_000),
  'deep-annotations': configMap(`"data":${deep(5_000, '{"a":', '}')}`),
  'repeated-fields': configMap(
    Array.from({ length: 100_000 }, (_, i) => `"k${i}":1,"k${i}":1`).join(','),
  ),
  'unknown-fields': configMap(Array.from({ length: 200_000 }, (_, i) => `"k${i}":1`).join(',')),
  'long-integer': configMap(`"x":${'9'.repeat(2_000_000)}`),
};

const adds = (count: number, at: string): string =>
  JSON.stringify(Array.from({ length: count }, () => ({ op: 'add', path: at, value: 'x' })));
const patches: Record<string, { type: string; body: string }> = {
  'json-doubling': {
    type: 'application/json-patch+json',
    body: JSON.stringify(
      Array.from({ length: 60 }, () => ({ op: 'copy', from: '', path: '/metadata/x' })),
    ),
  },
  'json-move-whole': {
    type: 'application/json-patch+json',
    body: JSON.stringify([
      { op: 'add', path: '/metadata/x', value: Array.from({ length: 100_000 }, () => 0) },
      ...Array.from({ length: 9_000 }, () => ({ op: 'test', path: '/metadata/x', value: [] })),
    ]),
  },
  'json-list-front': {
    type: 'application/json-patch+json',
    body: JSON.stringify([
      {
        op: 'add',
        path: '/metadata/finalizers',
        value: Array.from({ length: 200_000 }, () => 'x'),
      },
      ...Array.from({ length: 9_000 }, () => ({
        op: 'add',
        path: '/metadata/finalizers/0',
        value: 'x',
      })),
    ]),
  },
  'json-too-many': {
    type: 'application/json-patch+json',
    body: adds(10_001, '/metadata/labels/a'),
  },
  'merge-deep': {
    type: 'application/merge-patch+json',
    body: `{"x":${deep(50_000, '{"a":', '}')}}`,
  },
  'strategic-many': {
    type: 'application/strategic-merge-patch+json',
    body: JSON.stringify({
      metadata: {
        ownerReferences: Array.from({ length: 20_000 }, (_, i) => ({
          uid: `u${i}`,
          name: 'a',
          kind: 'B',
          apiVersion: 'v1',
        })),
      },
    }),
  },
  'strategic-delete-list': {
    type: 'application/strategic-merge-patch+json',
    body: JSON.stringify({
      metadata: {
        finalizers: Array.from({ length: 60_000 }, (_, i) => `x/${i}`),
        '$deleteFromPrimitiveList/finalizers': Array.from({ length: 60_000 }, (_, i) => `y/${i}`),
      },
    }),
  },
  'apply-merge-keys': { type: 'application/apply-patch+yaml', body: yamls['merge-keys'] ?? '' },
};

/** One level of a message inside another: group tags are the only nesting that costs one byte. */
const protobuf = (raw: Buffer): Buffer => {
  const meta = Buffer.from('\n\x0f\n\x02v1\x12\tConfigMap', 'latin1');
  const head = Buffer.from([0x12, ...varint(raw.length)]);
  return Buffer.concat([Buffer.from('6b387300', 'hex'), meta, head, raw]);
};
function varint(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...out, rest];
    out.push((rest % 128) + 128);
  }
}
const binaries: Record<string, Buffer> = {
  groups: protobuf(Buffer.alloc(500_000, 0x7b)),
  'empty-fields': protobuf(Buffer.alloc(1_000_000, Buffer.from([0x12, 0x00]))),
  'short-of-its-length': protobuf(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
  'no-envelope': Buffer.alloc(1_000, 0xff),
};

/** A null that becomes an empty entry, whose lists are null in turn. */
const nulls: Record<string, { path: string; body: object }> = {
  'storage-class': {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    body: {
      provisioner: 'a.example.com/b',
      allowedTopologies: [{ matchLabelExpressions: [null] }],
    },
  },
  'endpoint-slice': {
    path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
    body: { addressType: 'IPv4', endpoints: [null] },
  },
  endpoints: {
    path: '/api/v1/namespaces/default/endpoints',
    body: { subsets: [null, { addresses: [null] }] },
  },
  ingress: {
    path: '/apis/networking.k8s.io/v1/namespaces/default/ingresses',
    body: { spec: { rules: [null, { http: { paths: [null] } }], tls: [null] } },
  },
  pod: {
    path: '/api/v1/namespaces/default/pods',
    body: {
      spec: { containers: [null], volumes: [null], tolerations: [null], hostAliases: [null] },
    },
  },
};

export const attacks: Attack[] = [
  ...each(
    'name-in-warning',
    {
      euro: '€',
      'half-a-character': '\\ud800',
      control: '\\u0001',
      'line-break': '\\r\\nx-attack: 1',
      separator: '\u2028',
      emoji: '𝒳',
    },
    async (target, name) => {
      // A warning repeats the name in a header; one that does not fit must not cost the answer.
      const { status, headers } = await target.call({
        method: 'POST',
        path: `${configMaps}?dryRun=All&fieldValidation=Warn`,
        body: configMap(`"${name}":1`),
      });
      if (headers['x-attack'] !== undefined)
        return 'a header of the client\u2019s own is in the answer';
      return status === 201 ? undefined : `an unknown field answers ${status}`;
    },
  ),
  ...each('null-in-list', nulls, async (target, { path, body }) => {
    const { status, text } = await target.call({
      method: 'POST',
      path: `${path}?dryRun=All`,
      body: { metadata: { name: 'attack' }, ...body },
    });
    return status < 500 ? undefined : `answers ${status}: ${text.slice(0, 200)}`;
  }),
  ...each('yaml-bomb', yamls, (target, body) => send(target, body, 'application/yaml'), {
    alone: true,
  }),
  ...each('json-bomb', jsons, (target, body) => send(target, body, 'application/json'), {
    alone: true,
  }),
  ...each(
    'patch-bomb',
    patches,
    async (target, { type, body }) => {
      await target.make(configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: victim, labels: { a: 'b' } },
      });
      return send(
        target,
        body,
        type,
        `${configMaps}/${victim}?dryRun=All&fieldManager=attack`,
        'PATCH',
      );
    },
    { alone: true },
  ),
  ...each(
    'protobuf-bomb',
    binaries,
    async (target, body) => {
      const { status, ms } = await target.call({
        method: 'POST',
        path: `${configMaps}?dryRun=All`,
        body,
        type: 'application/vnd.kubernetes.protobuf',
        timeoutMs: 60_000,
      });
      return status >= 500 ? `answers ${status}` : tooSlow(target, ms);
    },
    { alone: true },
  ),
  ...each(
    'selector-bomb',
    {
      'label-values': `labelSelector=a+in+(${terms(900, (i) => `v${i}`)})`,
      'label-terms': `labelSelector=${terms(900, (i) => `!k${i}`)}`,
      'field-terms': `fieldSelector=${terms(250, () => 'metadata.name!%3Dx')}`,
      brackets: `labelSelector=${'('.repeat(4_000)}`,
    },
    async (target, query) => {
      const { status, ms } = await target.call({
        path: `/api/v1/pods?${query}`,
        timeoutMs: 60_000,
      });
      return status >= 500 ? `answers ${status}` : tooSlow(target, ms);
    },
    { alone: true },
  ),
  ...each(
    'depth-by-steps',
    { list: '[', map: '{' },
    async (target, open) => {
      // A patch nests an object in itself, again and again: each step is allowed, the sum must not
      // be.
      await target.make(configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: victim },
      });
      const into = open === '[' ? '/metadata/x' : '/x';
      const body = JSON.stringify([
        { op: 'add', path: into, value: open === '[' ? [] : {} },
        ...Array.from({ length: 5_000 }, () => ({ op: 'move', from: into, path: '/y' }))
          .flatMap((move) => [
            move,
            { op: 'add', path: into, value: open === '[' ? [0] : {} },
            { op: 'move', from: '/y', path: open === '[' ? `${into}/0` : `${into}/a` },
          ])
          .slice(0, 9_990),
      ]);
      return send(
        target,
        body,
        'application/json-patch+json',
        `${configMaps}/${victim}?dryRun=All`,
        'PATCH',
      );
    },
    { alone: true },
  ),
];
