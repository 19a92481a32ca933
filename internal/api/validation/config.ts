import { own, table } from '../../base/own.ts';
import type { ConfigMap, Secret, ServiceAccount } from '../generated/types/core-v1.ts';
import { JsonSyntaxError, parseJson } from '../codec/json-text.ts';
import { isDict, semanticEqual } from '../loose.ts';
import { dns1123Subdomain, validConfigMapKey } from '../names.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const maxBytes = 1024 * 1024;
const sealed = 'field is immutable when `immutable` is set';

const bytesOf = (base64: string): number => Buffer.byteLength(base64, 'base64');

function checkConfigMap(problems: Problems, { data = {}, binaryData = {} }: ConfigMap): void {
  let total = 0;
  for (const [key, value] of Object.entries(data)) {
    problems.check(`data[${key}]`, key, validConfigMapKey);
    if (Object.hasOwn(binaryData, key))
      problems.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    total += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    problems.check(`binaryData[${key}]`, key, validConfigMapKey);
    total += bytesOf(value);
  }
  if (total > maxBytes) problems.tooLong('[]', maxBytes);
}

/** Once sealed, neither the seal nor what it covers changes. */
function checkSeal(
  problems: Problems,
  object: ConfigMap | Secret,
  old: ConfigMap | Secret,
  fields: readonly string[],
): void {
  if (!old.immutable) return;
  if (!object.immutable) problems.forbidden('immutable', sealed);
  for (const field of fields)
    if (!semanticEqual(object[field as keyof typeof object], old[field as keyof typeof old]))
      problems.forbidden(field, sealed);
}

export const configMap: Rule<ConfigMap> = {
  name: dns1123Subdomain,
  spec: checkConfigMap,
  change: (problems, object, old) => checkSeal(problems, object, old, ['data', 'binaryData']),
  updates: ['metadata', 'change', 'object'],
};

function checkDockerConfig(
  problems: Problems,
  data: Readonly<Record<string, string>>,
  key: string,
): void {
  const value = own(data, key);
  if (value === undefined) return problems.required(`data[${key}]`);
  try {
    const parsed = parseJson(Buffer.from(value, 'base64').toString());
    if (parsed !== null && !isDict(parsed)) {
      const kind = Array.isArray(parsed)
        ? 'array'
        : typeof parsed === 'boolean'
          ? 'bool'
          : typeof parsed;
      problems.invalid(
        `data[${key}]`,
        '<secret contents redacted>',
        `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
      );
    }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    problems.invalid(`data[${key}]`, '<secret contents redacted>', error.message);
  }
}

const accountName = 'kubernetes.io/service-account.name';

/** What a secret of a well-known type must hold. */
const secretTypes: Readonly<
  Record<
    string,
    (problems: Problems, data: Readonly<Record<string, string>>, secret: Secret) => void
  >
> = table({
  'kubernetes.io/service-account-token': (problems, _, secret) => {
    if (!secret.metadata?.annotations?.[accountName])
      problems.required(`metadata.annotations[${accountName}]`);
  },
  'kubernetes.io/dockercfg': (problems, data) => checkDockerConfig(problems, data, '.dockercfg'),
  'kubernetes.io/dockerconfigjson': (problems, data) =>
    checkDockerConfig(problems, data, '.dockerconfigjson'),
  'kubernetes.io/basic-auth': (problems, data) => {
    if (data['username'] === undefined && data['password'] === undefined)
      for (const key of ['username', 'password']) problems.required(`data[${key}]`);
  },
  'kubernetes.io/ssh-auth': (problems, data) => {
    if (!data['ssh-privatekey']) problems.required('data[ssh-privatekey]');
  },
  'kubernetes.io/tls': (problems, data) => {
    for (const key of ['tls.crt', 'tls.key'])
      if (data[key] === undefined) problems.required(`data[${key}]`);
  },
});

export const secret: Rule<Secret> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    const data = object.data ?? {};
    let total = 0;
    for (const [key, value] of Object.entries(data)) {
      problems.check(`data[${key}]`, key, validConfigMapKey);
      total += bytesOf(value);
    }
    if (total > maxBytes) problems.tooLong('data', maxBytes);
    secretTypes[object.type ?? '']?.(problems, data, object);
  },
  change(problems, object, old) {
    problems.immutable('type', object.type ?? '', old.type ?? '');
    checkSeal(problems, object, old, ['data']);
  },
  updates: ['metadata', 'change', 'object'],
};

export const serviceAccount: Rule<ServiceAccount> = {
  name: dns1123Subdomain,
  updates: ['metadata', 'object'],
};
