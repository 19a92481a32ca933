import { isAbsolute } from 'node:path';
import { parseDuration } from '../../api/cel/values.ts';
import { dns1123Subdomain } from '../../api/names.ts';
import { fieldErrorText, type FieldError } from '../../api/status.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import {
  apiServerVersions,
  readConfigurationFile,
  type Fields,
} from '../../api/codec/configuration-file.ts';
import {
  compileConditions,
  ConditionError,
  maxConditions,
  type Conditions,
} from './match-conditions.ts';

/**
 * apiserver.config.k8s.io AuthorizationConfiguration (KEP-3221), found right and with its defaults.
 */
export interface AuthorizationConfiguration {
  authorizers: readonly AuthorizerConfiguration[];
  /** The authorizers as text: tells a file that says the same from one that does not. */
  stamp: string;
}

export interface AuthorizerConfiguration {
  type: string;
  name: string;
  webhook?: WebhookConfiguration;
}

export interface WebhookConfiguration {
  /** How long an answer is remembered; 0 = not at all. */
  authorizedTtlMs: number;
  unauthorizedTtlMs: number;
  timeoutMs: number;
  version: 'v1' | 'v1beta1';
  failurePolicy: 'NoOpinion' | 'Deny';
  kubeConfigFile: string;
  conditions: Conditions | undefined;
}

const webhookShape: Fields = {
  timeout: 'string',
  authorizedTTL: 'string',
  unauthorizedTTL: 'string',
  cacheAuthorizedRequests: 'boolean',
  cacheUnauthorizedRequests: 'boolean',
  subjectAccessReviewVersion: 'string',
  matchConditionSubjectAccessReviewVersion: 'string',
  failurePolicy: 'string',
  connectionInfo: { type: 'string', kubeConfigFile: 'string' },
  matchConditions: [{ expression: 'string' }],
};
const shape: Fields = {
  apiVersion: 'string',
  kind: 'string',
  authorizers: [{ type: 'string', name: 'string', webhook: webhookShape }],
};

interface WebhookFields {
  timeout?: string;
  authorizedTTL?: string;
  unauthorizedTTL?: string;
  cacheAuthorizedRequests?: boolean;
  cacheUnauthorizedRequests?: boolean;
  subjectAccessReviewVersion?: string;
  matchConditionSubjectAccessReviewVersion?: string;
  failurePolicy?: string;
  connectionInfo?: { type?: string; kubeConfigFile?: string };
  matchConditions?: { expression?: string }[];
}

type Given = { type?: string; name?: string; webhook?: WebhookFields };

/** kube-apiserver's types. ABAC is known, and refused. */
export const authorizerTypes = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'];
export const noAbac = 'ABAC is not supported here; say with RBAC who may what';

/**
 * Reads the file that --authorization-config names. Throws a ConfigError with every complaint, each
 * with its field, on one line.
 */
export async function readConfiguration(
  text: string,
  disk: Disk,
): Promise<AuthorizationConfiguration> {
  const op = 'authorization-config';
  const { read, complaints } = readConfigurationFile(text, {
    kind: 'AuthorizationConfiguration',
    versions: apiServerVersions,
    fields: shape,
    op,
  });
  const given = (read as { authorizers?: Given[] }).authorizers ?? [];
  const faults = new Faults();
  const authorizers = complaints.length === 0 ? await checked(given, disk, faults) : [];
  complaints.push(...faults.texts());
  if (complaints.length > 0)
    throw new ConfigError(complaints.map((one) => one.split('\n', 1)[0]).join('; '), { op });
  return { authorizers, stamp: JSON.stringify(given) };
}

class Faults {
  readonly #found: FieldError[] = [];

  required(field: string, detail = ''): void {
    this.#found.push({ type: 'FieldValueRequired', field, detail });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.#found.push({ type: 'FieldValueInvalid', field, value, detail });
  }

  duplicate(field: string, value: string): void {
    this.#found.push({ type: 'FieldValueDuplicate', field, value, detail: '' });
  }

  tooMany(field: string, value: number, most: number): void {
    this.#found.push({
      type: 'FieldValueTooMany',
      field,
      value,
      detail: `must have at most ${most} items`,
    });
  }

  /** The value, when it is one of those known. */
  oneOf<T extends string>(field: string, value: string, known: readonly T[]): T | undefined {
    const found = known.find((one) => one === value);
    if (found === undefined)
      this.#found.push({
        type: 'FieldValueNotSupported',
        field,
        value,
        detail: `supported values: ${known.map((one) => JSON.stringify(one)).join(', ')}`,
      });
    return found;
  }

  texts(): string[] {
    return this.#found.map(fieldErrorText);
  }
}

/**
 * apiserver/pkg/apis/apiserver/validation ValidateAuthorizationConfiguration, and kube-apiserver's
 * own rules of names.
 */
async function checked(
  given: readonly Given[],
  disk: Disk,
  faults: Faults,
): Promise<AuthorizerConfiguration[]> {
  if (given.length === 0)
    faults.required('authorizers', 'at least one authorization mode must be defined');
  const [types, names] = [new Set<string>(), new Set<string>()];
  const found: AuthorizerConfiguration[] = [];
  for (const [i, { type = '', name = '', webhook }] of given.entries()) {
    const at = `authorizers[${i}]`;
    if (!type) faults.required(`${at}.type`);
    else if (type === 'ABAC') faults.invalid(`${at}.type`, type, noAbac);
    else if (!faults.oneOf(`${at}.type`, type, authorizerTypes)) continue;
    else if (types.has(type) && type !== 'Webhook') faults.duplicate(`${at}.type`, type);
    else {
      types.add(type);
      checkName(name, { at: `${at}.name`, type, names, faults });
      const made =
        type === 'Webhook'
          ? await checkedWebhook(webhook, `${at}.webhook`, disk, faults)
          : undefined;
      if (type !== 'Webhook' && webhook)
        faults.invalid(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook');
      found.push({ type, name, ...(made && { webhook: made }) });
    }
  }
  return found;
}

function checkName(
  name: string,
  { at, type, names, faults }: { at: string; type: string; names: Set<string>; faults: Faults },
): void {
  const wrong = dns1123Subdomain(name);
  if (!name) faults.required(at);
  else if (names.has(name)) faults.duplicate(at, name);
  else if (wrong.length > 0)
    faults.invalid(at, name, `authorizer name is invalid: ${wrong.join(', ')}`);
  else if (type !== 'Webhook' && name !== type.toLowerCase())
    faults.invalid(at, name, `expected name ${type.toLowerCase()} for authorizer ${type}`);
  names.add(name);
}

const longestTimeoutMs = 30_000;
const defaults = { authorizedTTL: '5m', unauthorizedTTL: '30s' };
const nanosPerMs = 1e6;

async function checkedWebhook(
  given: WebhookFields | undefined,
  at: string,
  disk: Disk,
  faults: Faults,
): Promise<WebhookConfiguration | undefined> {
  if (!given) return void faults.required(at, 'required when type=Webhook');
  const timeoutMs = duration(given.timeout, `${at}.timeout`, faults);
  if (timeoutMs === 0) faults.required(`${at}.timeout`);
  else if (timeoutMs < 0 || timeoutMs > longestTimeoutMs)
    faults.invalid(`${at}.timeout`, given.timeout, 'must be > 0s and <= 30s');
  const ttl = (field: 'authorizedTTL' | 'unauthorizedTTL'): number => {
    const ms =
      duration(given[field], `${at}.${field}`, faults) || duration(defaults[field], '', faults);
    if (ms < 0) faults.invalid(`${at}.${field}`, given[field], 'must be > 0s');
    return ms;
  };
  const [authorized, unauthorized] = [ttl('authorizedTTL'), ttl('unauthorizedTTL')];
  const version = given.subjectAccessReviewVersion
    ? faults.oneOf(`${at}.subjectAccessReviewVersion`, given.subjectAccessReviewVersion, [
        'v1',
        'v1beta1',
      ])
    : void faults.required(`${at}.subjectAccessReviewVersion`);
  const failurePolicy = given.failurePolicy
    ? faults.oneOf(`${at}.failurePolicy`, given.failurePolicy, ['NoOpinion', 'Deny'])
    : void faults.required(`${at}.failurePolicy`);
  const kubeConfigFile = await checkedConnection(
    given.connectionInfo ?? {},
    `${at}.connectionInfo`,
    disk,
    faults,
  );
  const conditions = checkedConditions(given, at, faults);
  if (version === undefined || failurePolicy === undefined || kubeConfigFile === undefined)
    return undefined;
  return {
    timeoutMs,
    version,
    failurePolicy,
    kubeConfigFile,
    conditions,
    authorizedTtlMs: given.cacheAuthorizedRequests === false ? 0 : authorized,
    unauthorizedTtlMs: given.cacheUnauthorizedRequests === false ? 0 : unauthorized,
  };
}

/** Milliseconds; 0 when nothing is said, NaN when it is not a duration. */
function duration(text: string | undefined, at: string, faults: Faults): number {
  if (text === undefined) return 0;
  const read = parseDuration(text);
  if (!read) faults.invalid(at, text, 'must be a duration such as 3s or 5m');
  return read ? Number(read.nanos) / nanosPerMs : Number.NaN;
}

async function checkedConnection(
  { type = '', kubeConfigFile }: { type?: string; kubeConfigFile?: string },
  at: string,
  disk: Disk,
  faults: Faults,
): Promise<string | undefined> {
  const file = `${at}.kubeConfigFile`;
  if (!type) return void faults.required(`${at}.type`);
  if (type === 'InClusterConfig')
    return void faults.invalid(
      `${at}.type`,
      type,
      'this mode is not for an API server itself: it would ask itself',
    );
  if (!faults.oneOf(`${at}.type`, type, ['KubeConfigFile'])) return undefined;
  if (!kubeConfigFile) return void faults.required(file);
  if (!isAbsolute(kubeConfigFile))
    return void faults.invalid(file, kubeConfigFile, 'must be an absolute path');
  try {
    const stat = await disk.stat(
      'authorization-config',
      await disk.realPath('authorization-config', kubeConfigFile),
    );
    if (stat?.kind !== 'file')
      return void faults.invalid(file, kubeConfigFile, 'must be a regular file');
  } catch (error) {
    return void faults.invalid(file, kubeConfigFile, `error loading file: ${messageOf(error)}`);
  }
  return kubeConfigFile;
}

function checkedConditions(
  { matchConditions = [], matchConditionSubjectAccessReviewVersion: version = '' }: WebhookFields,
  at: string,
  faults: Faults,
): Conditions | undefined {
  if (version) faults.oneOf(`${at}.matchConditionSubjectAccessReviewVersion`, version, ['v1']);
  else if (matchConditions.length > 0)
    faults.required(
      `${at}.matchConditionSubjectAccessReviewVersion`,
      'required if match conditions are specified',
    );
  if (matchConditions.length > maxConditions)
    return void faults.tooMany(`${at}.matchConditions`, matchConditions.length, maxConditions);
  const seen = new Set<string>();
  const good = matchConditions.flatMap(({ expression = '' }, i) => {
    const field = `${at}.matchConditions[${i}].expression`;
    if (expression.trim() === '') faults.required(field);
    else if (seen.has(expression)) faults.duplicate(field, expression);
    else {
      seen.add(expression);
      try {
        return [compileConditions([expression])];
      } catch (error) {
        if (!(error instanceof ConditionError)) throw error;
        faults.invalid(field, expression, error.message);
      }
    }
    return [];
  });
  return good.length > 0 && good.length === matchConditions.length
    ? compileConditions([...seen])
    : undefined;
}
