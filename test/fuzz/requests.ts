import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { builtinScheme } from '../../internal/api/scheme.ts';
import { heavy } from './heavy.ts';
import type { Rng } from './rng.ts';
import { bend, bendBytes, keys, text, value, yaml } from './values.ts';

/** One HTTP request, whole and repeatable. */
export interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** Upstream's compatibility data: every kind with every field, as JSON and as protobuf. */
const samples = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, '../../internal/api/codec/testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

interface Target {
  path: string;
  namespaced: boolean;
  json: string;
  protobuf: Buffer;
  subresources: string[];
}

const targets: Target[] = [...builtinScheme().resources()].flatMap((info) => {
  const name = `${info.group || 'core'}.${info.version}.${info.kind}`;
  const json = samples[`${name}.json`];
  if (json === undefined) return [];
  const root = info.group ? `/apis/${info.group}/${info.version}` : `/api/${info.version}`;
  return [
    {
      path: `${root}/${info.namespaced ? 'namespaces/default/' : ''}${info.resource}`,
      namespaced: info.namespaced,
      json,
      protobuf: Buffer.from(samples[`${name}.pb`] ?? '', 'base64'),
      subresources: [...info.subresources.keys()],
    },
  ];
});

const json = 'application/json';
const patchTypes = [
  'json-patch+json',
  'merge-patch+json',
  'strategic-merge-patch+json',
  'apply-patch+yaml',
].map((one) => `application/${one}`);
const accepts = [
  json,
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  '*/*',
  'text/html',
  ';;;q=x',
  'application/json;as=__proto__',
];
const bearers = [
  'constructor',
  '__proto__',
  'eyJ',
  'eyJhbGciOiJub25lIn0.e30.',
  'a.b.c',
  'abcdef.0123456789abcdef',
  'eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjFlOTk5fQ.AAAA',
  'x'.repeat(4000),
  'eyJ.eyJ.eyJ',
  'eyJhbGciOiJSUzI1NiIsImtpZCI6Il9fcHJvdG9fXyJ9.' +
    'eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMuY2x1c3Rlci5sb2NhbCJ9.AAAA',
];
const selectors = [
  'a=b',
  'a in (b,c)',
  '!a',
  'a notin ()',
  'a>1',
  'a<',
  'constructor',
  '__proto__=x',
  'a in (',
  ',,,',
  '((((',
  'a==b,c!=d',
  'metadata.name=x',
  'spec.nodeName!=y',
  'status.phase',
  'a=b\\,c',
  'metadata.name=__proto__',
  '='.repeat(50),
];
const queryKeys = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'timeoutSeconds',
  'timeout',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'force',
  'pretty',
  'gracePeriodSeconds',
  'propagationPolicy',
  'orphanDependents',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'includeObject',
  'constructor',
  '__proto__',
];

const drawHeaders = (rng: Rng, type: string): Record<string, string> => ({
  'content-type': rng.chance(20)
    ? rng.pick(['', ';', 'text/plain', 'application/json;charset=__proto__'])
    : type,
  accept: rng.chance(3) ? rng.pick(accepts) : json,
  ...(rng.chance(15)
    ? {
        'impersonate-user': 'fuzz',
        'impersonate-group': 'system:masters',
        [`impersonate-extra-${rng.pick(['a', '%zz', '%00', '__proto__'])}`]: 'x',
      }
    : {}),
  ...(rng.chance(25) ? { 'user-agent': 'curl/8' } : {}),
});

const usualKeys = 'metadata spec status data labels containers 0 name'.split(' ');
const pathParts = [
  ...'api apis v1 openapi v2 v3 healthz constructor .. namespaces pods'.split(' '),
  ...'proxy watch version logs'.split(' '),
];

function query(rng: Rng, always: string): string {
  const more = rng.many(3, () => {
    const key = rng.pick(queryKeys);
    const value = safe(rng.chance(2) ? rng.pick(selectors) : text(rng));
    return `${key}=${value.replaceAll('%00', rng.pick(['%00', '%zz', '+']))}`;
  });
  return `?${[always, ...(rng.chance(2) ? more : [])].filter(Boolean).join('&')}`;
}

/** encodeURIComponent refuses half a surrogate pair, which is not a name of anything. */
const safe = (part: string): string => encodeURIComponent(part.toWellFormed());

/** A body that says what the sample says, bent; named so that it can stand beside what is there. */
function bent(rng: Rng, target: Target): string {
  const object = JSON.parse(target.json) as { metadata?: Record<string, unknown> };
  // Samples carry a deletion and other marks of the system that would end most requests early.
  object.metadata = { name: 'fuzz', ...(rng.chance(3) ? { labels: { a: 'b' } } : {}) };
  return JSON.stringify(bend(rng, object as never));
}

function write(rng: Rng): Request {
  const target = rng.pick(targets);
  const dry = 'dryRun=All&fieldValidation=' + rng.pick(['Strict', 'Warn', 'Ignore']);
  const of = (method: string, path: string, type: string, body: Buffer | string): Request => ({
    method,
    path: path + query(rng, dry),
    headers: drawHeaders(rng, type),
    body: Buffer.from(body),
  });
  switch (rng.int(6)) {
    case 0:
      return of(
        'POST',
        target.path,
        'application/vnd.kubernetes.protobuf',
        bendBytes(rng, target.protobuf),
      );
    case 1:
      return of(
        'POST',
        target.path,
        'application/yaml',
        yaml(rng, JSON.parse(bent(rng, target)) as never),
      );
    case 2:
      return of('POST', target.path, json, bendBytes(rng, Buffer.from(bent(rng, target))));
    case 3:
      return of('PUT', `${target.path}/fuzz${subresource(rng, target)}`, json, bent(rng, target));
    default:
      return of('POST', target.path, json, bent(rng, target));
  }
}

const subresource = (rng: Rng, target: Target): string =>
  rng.chance(3) && target.subresources.length > 0 ? `/${rng.pick(target.subresources)}` : '';

/**
 * Objects that patches and updates of the run may change; made before it begins, where they can be.
 */
export const standing = (): Request[] =>
  targets
    .filter(({ path }) =>
      /\/(configmaps|secrets|services|pods|deployments|jobs|nodes|namespaces|roles|clusterroles|ingresses|cronjobs|statefulsets|endpoints|persistentvolumes|customresourcedefinitions)$/.test(
        path,
      ),
    )
    .map((target) => {
      const object = JSON.parse(smallest[target.path.split('/').pop() ?? ''] ?? '{}') as {
        metadata?: object;
      };
      object.metadata = { name: 'fuzz' };
      return {
        method: 'POST',
        path: target.path,
        headers: { 'content-type': json },
        body: Buffer.from(JSON.stringify(object)),
      };
    });

const podSpec = '{"containers":[{"name":"a","image":"b","resources":{"limits":{"cpu":"1"}}}]}';
const template = `{"metadata":{"labels":{"a":"b"}},"spec":${podSpec}}`;
const selected = `{"selector":{"matchLabels":{"a":"b"}},"template":${template}}`;
const smallest: Record<string, string> = {
  pods: `{"spec":${podSpec.slice(0, -1)},"resources":{"limits":{"cpu":"2","memory":"1Gi"}}}}`,
  services: '{"spec":{"ports":[{"port":80}]}}',
  deployments: `{"spec":${selected}}`,
  statefulsets: `{"spec":${selected}}`,
  jobs: `{"spec":{"template":{"spec":${podSpec.slice(0, -1)},"restartPolicy":"Never"}}}}`,
  cronjobs:
    '{"spec":{"schedule":"0 0 1 1 ' +
    `*","jobTemplate":{"spec":{"template":{"spec":${podSpec.slice(0, -1)},` +
    '"restartPolicy":"Never"}}}}}}',
  ingresses: '{"spec":{"defaultBackend":{"service":{"name":"a","port":{"number":80}}}}}',
  persistentvolumes:
    '{"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],' +
    '"hostPath":{"path":"/x"}}}',
};

function patch(rng: Rng): Request {
  const target = rng.chance(2)
    ? rng.pick(targets.filter((one) => smallest[one.path.split('/').pop() ?? ''] !== undefined))
    : rng.pick(targets);
  const type = rng.pick(patchTypes);
  let body: string;
  if (type === 'application/json-patch+json') {
    const where = (): string =>
      rng
        .many(5, () => {
          const odd = rng.chance(3);
          return `/${rng.pick(odd ? [...keys, '0', '-1', '-', '~1', '01'] : usualKeys)}`;
        })
        .join('');
    body = JSON.stringify(
      rng.many(6, () => ({
        op: rng.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']),
        path: where(),
        from: where(),
        value: value(rng),
      })),
    );
  } else if (type === 'application/apply-patch+yaml' && rng.chance(2))
    body = yaml(rng, JSON.parse(bent(rng, target)) as never);
  else body = rng.chance(4) ? JSON.stringify(value(rng, 4)) : bent(rng, target);
  const always =
    type === 'application/apply-patch+yaml'
      ? `dryRun=All&fieldManager=f&force=${rng.chance(2)}`
      : 'dryRun=All';
  return {
    method: 'PATCH',
    path: `${target.path}/fuzz${subresource(rng, target)}${query(rng, always)}`,
    headers: drawHeaders(rng, type),
    body: Buffer.from(rng.chance(10) ? bendBytes(rng, Buffer.from(body)) : body),
  };
}

function read(rng: Rng): Request {
  const target = rng.pick(targets);
  const odd =
    '/' + rng.many(4, () => (rng.chance(2) ? safe(text(rng)) : rng.pick(pathParts))).join('/');
  const path = rng.chance(3)
    ? odd
    : rng.chance(2)
      ? target.path
      : `${target.path}/fuzz${subresource(rng, target)}`;
  const watched = rng.chance(30)
    ? path.replace(/^(\/apis\/[^/]+\/[^/]+|\/api\/v1)\//, '$1/watch/')
    : path;
  return {
    method: rng.pick(['GET', 'GET', 'HEAD', 'OPTIONS']),
    path: watched + query(rng, rng.chance(30) ? 'watch=1' : ''),
    headers: {
      ...drawHeaders(rng, json),
      ...(rng.chance(4) ? { authorization: `Bearer ${rng.pick(bearers)}` } : {}),
    },
    body: Buffer.alloc(0),
  };
}

function custom(rng: Rng): Request {
  const object = {
    apiVersion: 'fuzz.io/v1',
    kind: 'Thing',
    metadata: { name: 'fuzz' },
    set: ['a'],
    keyed: [{ name: 'a', port: 1 }],
    free: {},
    count: 1,
    constructor: 'x',
  };
  const body = JSON.stringify(bend(rng, bend(rng, object as never)));
  const path = '/apis/fuzz.io/v1/namespaces/default/things';
  if (rng.chance(2))
    return {
      method: 'POST',
      path: `${path}?dryRun=All&fieldValidation=${rng.pick(['Strict', 'Ignore'])}`,
      headers: drawHeaders(rng, json),
      body: Buffer.from(body),
    };
  return {
    method: 'PATCH',
    path: `${path}/fuzz?dryRun=All&fieldManager=f`,
    headers: drawHeaders(rng, rng.pick(patchTypes)),
    body: Buffer.from(body),
  };
}

const large =
  (most: number) =>
  (rng: Rng): Request => {
    const { method, path, type, body } = heavy(rng, most);
    return {
      method,
      path: `${path}${path.includes('?') ? '&' : '?'}dryRun=All`,
      headers: { 'content-type': type, accept: json },
      body: Buffer.from(body),
    };
  };

/** What is drawn from, by area; heavy ones are rare since each takes long. */
export const areas: Record<string, (rng: Rng) => Request> = {
  write,
  patch,
  read,
  custom,
  heavy: large(60_000),
  broad: large(2_000),
};
