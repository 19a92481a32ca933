import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ServiceReference,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types/admissionregistration-v1.ts';
import { dns1035Label, dns1123Subdomain, validPortNumber } from '../names.ts';
import { checkOperations, failurePolicies, matchPolicies } from './admission-rules.ts';
import { checkLabelSelector, checkMetadata } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { repeats } from './repeats.ts';

type Webhook = ValidatingWebhook | MutatingWebhook;
type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

const accepted = ['v1', 'v1beta1'];
const harmless = ['None', 'NoneOnDryRun'];
const anyEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const longestTimeout = 30;
const fewestSegments = 3;
const form = '; desired format: https://host[/path]';

function checkName(problems: Problems, name: string, field: string): void {
  const wrong = dns1123Subdomain(name);
  if (!name) problems.required(field);
  else if (wrong.length > 0) problems.invalid(field, name, wrong.join(','));
  else if (name.split('.').length < fewestSegments)
    problems.invalid(
      field,
      name,
      'should be a domain with at least three segments separated by dots',
    );
}

function checkUrl(problems: Problems, text: string, field: string): void {
  const parts =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^@/?#]*)@)?([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/.exec(
      text,
    );
  const [, scheme = '', user, host = '', query, fragment] = parts ?? [];
  if (scheme.toLowerCase() !== 'https')
    problems.invalid(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`);
  if (!host) problems.invalid(field, host, `host must be specified${form}`);
  if (user !== undefined)
    problems.invalid(field, user, 'user information is not permitted in the URL');
  if (fragment) problems.invalid(field, fragment, 'fragments are not permitted in the URL');
  if (query) problems.invalid(field, query, 'query parameters are not permitted in the URL');
}

/**
 * Upstream hands the name over as the namespace and the other way round, so each is missed under
 * the other's name.
 */
function checkService(
  problems: Problems,
  { name, namespace, path, port = 443 }: ServiceReference,
  field: string,
): void {
  if (!namespace) problems.required(`${field}.name`);
  if (!name) problems.required(`${field}.namespace`);
  const wrong = validPortNumber(port);
  if (wrong.length > 0)
    problems.invalid(`${field}.port`, port, `port is not valid: ${wrong.join(', ')}`);
  if (path === undefined || path === '' || path === '/') return;
  const at = `${field}.path`;
  if (path === '//') return problems.invalid(at, path, 'segment[0] may not be empty');
  if (!path.startsWith('/')) problems.invalid(at, path, "must start with a '/'");
  path
    .slice(1)
    .replace(/\/$/, '')
    .split('/')
    .forEach((step, i) => {
      if (!step) problems.invalid(at, path, `segment[${i}] may not be empty`);
      else
        for (const m of dns1123Subdomain(step)) problems.invalid(at, path, `segment[${i}]: ${m}`);
    });
}

function checkWebhook(problems: Problems, hook: Webhook, path: string, strict: Strict): void {
  checkName(problems, hook.name ?? '', `${path}.name`);
  (hook.rules ?? []).forEach((rule, i) => checkOperations(problems, rule, `${path}.rules[${i}]`));
  const oneOf = (field: 'failurePolicy' | 'matchPolicy', supported: readonly string[]): void => {
    const value = hook[field];
    if (value !== undefined && !supported.includes(value))
      problems.notSupported(`${path}.${field}`, value, supported);
  };
  oneOf('failurePolicy', failurePolicies);
  oneOf('matchPolicy', matchPolicies);
  const effects = strict.effects ? harmless : anyEffects;
  if (hook.sideEffects === undefined || hook.sideEffects === null)
    problems.required(`${path}.sideEffects`, `must specify one of ${effects.join(', ')}`);
  else if (!effects.includes(hook.sideEffects))
    problems.notSupported(`${path}.sideEffects`, hook.sideEffects, effects);
  const seconds = hook.timeoutSeconds;
  if (seconds !== undefined && (seconds > longestTimeout || seconds < 1))
    problems.invalid(
      `${path}.timeoutSeconds`,
      seconds,
      'the timeout value must be between 1 and 30 seconds',
    );
  checkLabelSelector(problems, hook.namespaceSelector, `${path}.namespaceSelector`);
  checkLabelSelector(problems, hook.objectSelector, `${path}.objectSelector`);
  const again = 'reinvocationPolicy' in hook ? hook.reinvocationPolicy : undefined;
  if (again !== undefined && !['IfNeeded', 'Never'].includes(again))
    problems.notSupported(`${path}.reinvocationPolicy`, again, ['IfNeeded', 'Never']);
  const { url, service } = hook.clientConfig ?? {};
  if ((url === undefined) === (service === undefined))
    problems.required(`${path}.clientConfig`, 'exactly one of url or service is required');
  else if (url !== undefined) checkUrl(problems, url, `${path}.clientConfig.url`);
  else if (service) checkService(problems, service, `${path}.clientConfig.service`);
  checkVersions(
    problems,
    hook.admissionReviewVersions ?? [],
    `${path}.admissionReviewVersions`,
    strict.versions,
  );
}

function checkVersions(
  problems: Problems,
  versions: readonly string[],
  path: string,
  strict: boolean,
): void {
  if (versions.length === 0)
    return problems.required(path, `must specify one of ${accepted.join(', ')}`);
  const again = repeats(versions);
  versions.forEach((version, i) => {
    if (again[i]) problems.invalid(`${path}[${i}]`, version, 'duplicate version');
    else problems.check(`${path}[${i}]`, version, dns1035Label);
  });
  if (strict && !versions.some((v) => accepted.includes(v)))
    problems.invalid(path, versions, `must include at least one of ${accepted.join(', ')}`);
}

/** What is asked of webhooks unless those stored before fall short of it. */
interface Strict {
  effects: boolean;
  versions: boolean;
  names: boolean;
}

function strictFor(old: readonly Webhook[]): Strict {
  return {
    effects: old.every((h) => harmless.includes(h.sideEffects ?? '')),
    versions: old.every(
      (h) =>
        !h.admissionReviewVersions?.length ||
        h.admissionReviewVersions.some((v) => accepted.includes(v)),
    ),
    names: new Set(old.map((h) => h.name)).size === old.length,
  };
}

function checkAll(problems: Problems, hooks: readonly Webhook[], strict: Strict): void {
  const again = repeats(hooks.map((h) => h.name));
  hooks.forEach((hook, i) => {
    checkWebhook(problems, hook, `webhooks[${i}]`, strict);
    if (strict.names && hook.name && again[i]) problems.duplicate(`webhooks[${i}].name`, hook.name);
  });
}

/** Match conditions are judged where they are compiled. */
export const webhookConfiguration: Rule<Configuration> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  spec: (problems, object) => checkAll(problems, object.webhooks ?? [], strictFor([])),
  updates: ['change'],
  change(problems, object, old) {
    checkMetadata(problems, object.metadata ?? {}, {
      namespaced: false,
      name: dns1123Subdomain,
      anyFinalizer: true,
    });
    checkAll(problems, object.webhooks ?? [], strictFor(old.webhooks ?? []));
  },
};
