import { load } from 'js-yaml';
import { ConfigError } from '../../base/errors.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../authn/user.ts';

const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type AuditLevel = (typeof levels)[number];
const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

interface GroupResources {
  group?: string;
  resources?: string[];
  resourceNames?: string[];
}

interface Rule {
  level: AuditLevel;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: GroupResources[];
  namespaces?: string[];
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

export interface Policy {
  rules: Rule[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

/** What the policy says of one request. */
export interface Verdict {
  level: AuditLevel;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

/**
 * A policy file (audit.k8s.io/v1 Policy). What it does not know is an error: a rule that is
 * misspelt would audit too little.
 */
export function parsePolicy(text: string): Policy {
  let value: unknown;
  try {
    value = load(text);
  } catch (cause) {
    throw broken(
      'it is not YAML: ' +
        `${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}`,
      cause,
    );
  }
  const policy = record(value, '');
  if (policy['apiVersion'] !== 'audit.k8s.io/v1' || policy['kind'] !== 'Policy')
    throw broken(
      `it is ${JSON.stringify(policy['apiVersion'])} ${JSON.stringify(policy['kind'])}, not ` +
        'audit.k8s.io/v1 Policy',
    );
  known(policy, ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'], '');
  const given = policy['rules'];
  if (!Array.isArray(given) || given.length === 0)
    throw broken('rules: Required value: a policy has at least one rule');
  return {
    rules: given.map((one, i) => ruleOf(record(one, `rules[${i}]`), `rules[${i}]`)),
    ...optional('omitStages', stagesOf(policy['omitStages'], 'omitStages')),
    ...optional('omitManagedFields', flagOf(policy['omitManagedFields'], 'omitManagedFields')),
  };
}

const ruleFields = [
  'level',
  'users',
  'userGroups',
  'verbs',
  'resources',
  'namespaces',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
];

function ruleOf(given: Record<string, unknown>, at: string): Rule {
  known(given, ruleFields, at);
  const level = given['level'];
  if (!levels.includes(level as AuditLevel))
    throw broken(
      `${at}.level: Unsupported value: ${JSON.stringify(level)}: supported values: ` +
        `${levels.map((one) => JSON.stringify(one)).join(', ')}`,
    );
  const urls = texts(given['nonResourceURLs'], `${at}.nonResourceURLs`);
  for (const url of urls ?? [])
    if (url !== '*' && (!url.startsWith('/') || url.slice(0, -1).includes('*')))
      throw broken(
        `${at}.nonResourceURLs: Invalid value: ${JSON.stringify(url)}: must begin with '/' ` +
          `and have '*' at its end only`,
      );
  const resources = resourcesOf(given['resources'], `${at}.resources`);
  const namespaces = texts(given['namespaces'], `${at}.namespaces`);
  if (urls?.length && (resources?.length || namespaces?.length))
    throw broken(
      `${at}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources ` +
        'and non-resource URLs',
    );
  return {
    level: level as AuditLevel,
    ...optional('users', texts(given['users'], `${at}.users`)),
    ...optional('userGroups', texts(given['userGroups'], `${at}.userGroups`)),
    ...optional('verbs', texts(given['verbs'], `${at}.verbs`)),
    ...optional('resources', resources),
    ...optional('namespaces', namespaces),
    ...optional('nonResourceURLs', urls),
    ...optional('omitStages', stagesOf(given['omitStages'], `${at}.omitStages`)),
    ...optional('omitManagedFields', flagOf(given['omitManagedFields'], `${at}.omitManagedFields`)),
  };
}

function resourcesOf(given: unknown, at: string): GroupResources[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given)) throw broken(`${at}: must be a list`);
  return given.map((one, i) => {
    const here = `${at}[${i}]`;
    const row = record(one, here);
    known(row, ['group', 'resources', 'resourceNames'], here);
    const group = row['group'] ?? '';
    if (typeof group !== 'string') throw broken(`${here}.group: must be a string`);
    if (group.includes('/'))
      throw broken(
        `${here}.group: Invalid value: ${JSON.stringify(group)}: a group has no version`,
      );
    const resources = texts(row['resources'], `${here}.resources`);
    const resourceNames = texts(row['resourceNames'], `${here}.resourceNames`);
    if (resourceNames?.length && !resources?.length)
      throw broken(
        `${here}.resourceNames: Invalid value: using resourceNames requires at least one resource`,
      );
    return {
      group,
      ...optional('resources', resources),
      ...optional('resourceNames', resourceNames),
    };
  });
}

const broken = (what: string, cause?: unknown): ConfigError =>
  new ConfigError(`the audit policy cannot be used: ${what}`, { op: 'audit.policy', cause });

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken(`${at || 'the file'}: must be an object`);
  return value as Record<string, unknown>;
}

function known(given: Record<string, unknown>, fields: readonly string[], at: string): void {
  const unknown = Object.keys(given).find((key) => !fields.includes(key));
  if (unknown !== undefined)
    throw broken(`unknown field ${JSON.stringify(at ? `${at}.${unknown}` : unknown)}`);
}

function texts(given: unknown, at: string): string[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given) || given.some((one) => typeof one !== 'string'))
    throw broken(`${at}: must be a list of strings`);
  return given as string[];
}

function stagesOf(given: unknown, at: string): Stage[] | undefined {
  const list = texts(given, at);
  const wrong = list?.find((one) => !stages.includes(one as Stage));
  if (wrong !== undefined)
    throw broken(
      `${at}: Invalid value: ${JSON.stringify(wrong)}: allowed stages are ${stages.join(',')}`,
    );
  return list as Stage[] | undefined;
}

function flagOf(given: unknown, at: string): boolean | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'boolean') throw broken(`${at}: must be true or false`);
  return given;
}

const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);

/** What the first rule that matches says; a request that none matches is not audited. */
export function judge(policy: Policy, user: UserInfo, info: RequestInfo): Verdict {
  const rule = policy.rules.find((one) => matches(one, user, info));
  return {
    level: rule?.level ?? 'None',
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function matches(rule: Rule, user: UserInfo, info: RequestInfo): boolean {
  if (rule.users?.length && !rule.users.includes(user.name)) return false;
  if (rule.userGroups?.length && !rule.userGroups.some((group) => user.groups.includes(group)))
    return false;
  if (rule.verbs?.length && !rule.verbs.includes(info.verb)) return false;
  if (rule.namespaces?.length || rule.resources?.length) return matchesResource(rule, info);
  if (rule.nonResourceURLs?.length)
    return (
      !info.isResource &&
      rule.nonResourceURLs.some(
        (url) =>
          url === '*' ||
          url === info.path ||
          (url.endsWith('*') && info.path.startsWith(url.slice(0, -1))),
      )
    );
  return true;
}

function matchesResource(rule: Rule, info: RequestInfo): boolean {
  if (!info.isResource) return false;
  if (rule.namespaces?.length && !rule.namespaces.includes(info.namespace)) return false;
  if (!rule.resources?.length) return true;
  return rule.resources.some(
    (one) =>
      (one.group ?? '') === info.group &&
      (!one.resources?.length ||
        one.resources.some(
          (resource) =>
            namesResource(resource, info) &&
            (!one.resourceNames?.length || one.resourceNames.includes(info.name)),
        )),
  );
}

/**
 * `pods`, `pods/log`, `pods` with every subresource as `pods/*`, one subresource of all as `*` and
 * `/log`, or `*`.
 */
function namesResource(pattern: string, { resource, subresource }: RequestInfo): boolean {
  if (pattern === '*' || pattern === (subresource ? `${resource}/${subresource}` : resource))
    return true;
  if (subresource && pattern === `*/${subresource}`) return true;
  return pattern === `${resource}/*`;
}
