import { table } from '../../base/own.ts';
import { isDict } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { shapes } from './shapes-data.ts';

interface Field {
  name: string;
  /** The field in JSON, in lower case: the names differ in little else. */
  key: string;
  absent: string;
  struct: string;
}

let structs: ReadonlyMap<string, readonly Field[]> | undefined;

function fieldsOf(struct: string): readonly Field[] | undefined {
  structs ??= new Map(
    shapes
      .trim()
      .replaceAll('\n  ', ' ')
      .split('\n')
      .map((line) => {
        const [name = '', ...fields] = line.split(' ');
        return [name, fields.map(fieldOf)];
      }),
  );
  return structs.get(struct);
}

const renamed: Readonly<Record<string, string>> = table({
  CephMonitors: 'monitors',
  RBDImage: 'image',
  RBDPool: 'pool',
  RadosUser: 'user',
  EndpointsName: 'endpoints',
  DataDiskURI: 'diskuri',
});

function fieldOf(text: string): Field {
  const [name = '', kind = ''] = text.split(':');
  return {
    name,
    key: renamed[name] ?? name.toLowerCase(),
    absent: kind[0] ?? '',
    struct: kind.slice(1),
  };
}

const zeros: Readonly<Record<string, unknown>> = table({
  s: '',
  n: 0,
  b: false,
  q: '0',
  '?': null,
});

/** A value as kube-apiserver shows its own structs: with Go's field names, and all of them. */
export function shown(struct: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => shown(struct, item));
  const fields = fieldsOf(struct);
  if (!fields || !isDict(value)) return value;
  const given = new Map(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), inner]));
  const result: Dict = {};
  for (const { name, key, absent, struct: inner } of fields) {
    const here = given.get(key);
    if (here === undefined || here === null)
      result[name] = absent === '=' ? shown(inner, {}) : (zeros[absent] ?? null);
    else result[name] = inner ? shown(inner, here) : here;
  }
  return result;
}

const inSecurityContext = [
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'shareProcessNamespace',
  'hostUsers',
];

/** In memory the host's namespaces stand in the security context. */
export function shownPodSpec(spec: object): unknown {
  const flat: Dict = { ...spec };
  const context: Dict = { ...(isDict(flat['securityContext']) ? flat['securityContext'] : {}) };
  for (const field of inSecurityContext)
    if (flat[field] !== undefined) context[field] = flat[field];
  return shown('PodSpec', { ...flat, securityContext: context });
}
