import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import { table } from '../../base/own.ts';
import type { Namespace, Pod, PodSpec } from '../../api/generated/types/core-v1.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import { invalid, type FieldError } from '../../api/status.ts';
import { keyOf, prefixEnd, type KeyValue } from '../../store/store.ts';
import type { Core } from '../registry/core.ts';
import { objectOf } from '../registry/stored.ts';
import { addAnnotation } from './annotations.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';
import { violations, type Level } from './pod-security-checks.ts';
import { refusal } from './refusal.ts';

const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

/** Kinds that make pods: they get warnings only, where their template is. */
const templates: Record<string, (object: KubeObject) => unknown> = table({
  'apps/deployments': (o) => template(o),
  'apps/daemonsets': (o) => template(o),
  'apps/statefulsets': (o) => template(o),
  'apps/replicasets': (o) => template(o),
  '/replicationcontrollers': (o) => template(o),
  'batch/jobs': (o) => template(o),
  'batch/cronjobs': (o) =>
    template((fieldsOf(o)['spec'] as { jobTemplate?: KubeObject } | undefined)?.jobTemplate),
  '/podtemplates': (o) => fieldsOf(o)['template'],
});

const template = (object: KubeObject | undefined): unknown =>
  (object && (fieldsOf(object)['spec'] as { template?: unknown } | undefined))?.template;

/** The Pod Security Standards, by the namespace's labels (plugin PodSecurity, KEP-2579). */
export function podSecurity(core: Core): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    handles: ({ call, operation }) => {
      if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
      const path = `${call.resource.group}/${call.resource.resource}`;
      if (path === '/namespaces') return call.subresource === '';
      return (
        (path === '/pods' && ['', 'ephemeralcontainers', 'resize'].includes(call.subresource)) ||
        (call.subresource === '' && templates[path] !== undefined)
      );
    },
    async validate(attributes) {
      const { call } = attributes;
      if (call.resource.resource === 'namespaces') return checkNamespace(core, attributes);
      const labels =
        (await lookup<Namespace>(core, registryKey(refs.namespaces, '', call.namespace)))?.metadata
          .labels ?? {};
      const enforce = policyOf(labels, 'enforce');
      const audit = policyOf(labels, 'audit');
      const warn = warningOf(labels, enforce);
      const isPod = call.resource.resource === 'pods';
      const none =
        audit.level === 'privileged' &&
        warn.level === 'privileged' &&
        labelFaults({ metadata: { labels } } as KubeObject).length === 0;
      if (none && !isPod) return;
      if (none && enforce.level === 'privileged')
        return addAnnotation(attributes, label('enforce-policy'), 'privileged:latest');
      if (isPod && unchanged(attributes)) return;
      const pod = (
        isPod
          ? attributes.object
          : templates[`${call.resource.group}/${call.resource.resource}`]?.(
              attributes.object as KubeObject,
            )
      ) as Pod | undefined;
      if (!pod?.spec) return;
      annotate(attributes, pod, { labels, enforce: isPod ? enforce : undefined, audit });
      if (isPod) refuseIfBad(attributes, pod, enforce);
      const wrong = violations(pod.metadata, pod.spec, warn.level, warn.minor);
      if (wrong.length)
        call.warnings.push(
          `would violate PodSecurity "${warn.level}:${warn.version}": ` +
            `${wrong.map(text).join(', ')}`,
        );
    },
  };
}

const text = (one: { reason: string; detail: string }): string =>
  one.detail ? `${one.reason} (${one.detail})` : one.reason;

/** What the audit's event is to know of it. */
function annotate(
  attributes: Attributes,
  pod: Pod,
  {
    labels,
    enforce,
    audit,
  }: { labels: Record<string, string>; enforce: Policy | undefined; audit: Policy },
): void {
  if (!attributes.call.audit) return;
  const faults = labelFaults({ metadata: { labels } } as KubeObject);
  if (faults.length)
    addAnnotation(
      attributes,
      label('error'),
      `Failed to parse policy: ${aggregate(faults.map(faultText))}`,
    );
  if (enforce)
    addAnnotation(attributes, label('enforce-policy'), `${enforce.level}:${enforce.version}`);
  const wrong = violations(pod.metadata, pod.spec, audit.level, audit.minor);
  if (wrong.length)
    addAnnotation(
      attributes,
      label('audit-violations'),
      `would violate PodSecurity "${audit.level}:${audit.version}": ${wrong.map(text).join(', ')}`,
    );
}

const aggregate = (texts: string[]): string =>
  texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
const faultText = ({ field, value, detail }: FieldError): string =>
  `${field}: Invalid value: ${JSON.stringify(value)}: ${detail}`;

function refuseIfBad(attributes: Attributes, pod: Pod, { level, version, minor }: Policy): void {
  const wrong = violations(pod.metadata, pod.spec, level, minor);
  if (wrong.length === 0) return;
  throw refusal(
    attributes,
    `violates PodSecurity "${level}:${version}": ${wrong.map(text).join(', ')}`,
  );
}

interface Policy {
  level: Level;
  version: string;
  minor: number;
}

const levels: readonly string[] = ['privileged', 'baseline', 'restricted'];
const versionForm = /^v1\.(0|[1-9]\d*)$/;

/**
 * A label that says no level: what is enforced is then the strictest, of what is only told nothing.
 */
function policyOf(labels: Record<string, string>, mode: 'enforce' | 'audit' | 'warn'): Policy {
  const asked = labels[label(mode)] ?? 'privileged';
  const level = (
    levels.includes(asked) ? asked : mode === 'enforce' ? 'restricted' : 'privileged'
  ) as Level;
  const minor = versionForm.exec(labels[label(`${mode}-version`)] ?? '')?.[1];
  return {
    level,
    version: minor === undefined ? 'latest' : `v1.${minor}`,
    minor: minor === undefined ? Infinity : Number(minor),
  };
}

/** Without a level for warnings, the enforced level warns, too. */
function warningOf(labels: Record<string, string>, enforce: Policy): Policy {
  const warn = policyOf(labels, 'warn');
  if (Object.hasOwn(labels, label('warn')) || !levels.includes(labels[label('enforce')] ?? ''))
    return warn;
  return Object.hasOwn(labels, label('warn-version')) ? { ...warn, level: enforce.level } : enforce;
}

/** What is wrong with the labels by which a namespace asks for a standard. */
function labelFaults(namespace: KubeObject | undefined): FieldError[] {
  const labels = namespace?.metadata.labels ?? {};
  return ['enforce', 'audit', 'warn'].flatMap((mode) => {
    const faults: FieldError[] = [];
    const check = (key: string, good: (value: string) => boolean, detail: string): void => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      if (value !== undefined && !good(value))
        faults.push({ type: 'FieldValueInvalid', field: `metadata.labels[${key}]`, value, detail });
    };
    check(label(mode), (value) => levels.includes(value), `must be one of ${levels.join(', ')}`);
    check(
      label(`${mode}-version`),
      (value) => value === 'latest' || versionForm.test(value),
      'must be "latest" or "v1.x"',
    );
    return faults;
  });
}

/** Upstream's bounds for a look at the pods of a namespace whose level changes. */
const maxPodsChecked = 3000;
const maxCheckMs = 1000;

/**
 * A wrong label is refused when it is set; a namespace that has one already may still be changed.
 */
async function checkNamespace(
  core: Core,
  { call, operation, object, old }: Attributes,
): Promise<void> {
  const faults = labelFaults(object);
  if (faults.length && JSON.stringify(faults) !== JSON.stringify(labelFaults(old)))
    throw invalid({ group: '', kind: 'Namespace' }, call.name, faults);
  if (operation !== 'UPDATE') return;
  const [now, before] = [object, old].map((one) =>
    policyOf(one?.metadata.labels ?? {}, 'enforce'),
  ) as [Policy, Policy];
  const relaxed = levels.indexOf(now.level) <= levels.indexOf(before.level);
  if (now.level === 'privileged' || (relaxed && now.version === before.version)) return;
  call.warnings.push(...(await podWarnings(core, call.name, now)));
}

/**
 * What a new standard has against the pods that are there; nothing happens to them
 * (EvaluatePodsInNamespace).
 */
async function podWarnings(
  core: Core,
  namespace: string,
  { level, version, minor }: Policy,
): Promise<string[]> {
  const key = keyOf(registryPrefix(refs.pods, namespace));
  const { kvs, count } = await core.store.range({
    key,
    end: prefixEnd(key),
    limit: maxPodsChecked,
  });
  const until = core.clock.monotonicMs() + maxCheckMs;
  const found = new Map<string, { first: string; pods: number }>();
  let checked = 0;
  for (; checked < kvs.length && core.clock.monotonicMs() < until; checked++) {
    const { metadata, spec } = objectOf(kvs[checked] as KeyValue) as Pod;
    const reasons = violations(metadata, spec, level, minor)
      .map((one) => one.reason)
      .join(', ');
    if (!reasons) continue;
    // Names come in their order: the first that has it is the one that is told.
    const seen = found.get(reasons);
    if (seen) seen.pods++;
    else found.set(reasons, { first: metadata.name ?? '', pods: 1 });
  }
  const others = (more: number): string =>
    more === 0 ? '' : ` (and ${more} other pod${more === 1 ? '' : 's'})`;
  return [
    ...(checked < count
      ? [
          `new PodSecurity enforce level only checked against the first ${checked} of ` +
            `${count} existing pods`,
        ]
      : []),
    ...(found.size > 0
      ? [
          `existing pods in namespace "${namespace}" violate the new PodSecurity enforce ` +
            `level "${level}:${version}"`,
        ]
      : []),
    ...[...found]
      .map(([reasons, { first, pods }]) => `${first}${others(pods - 1)}: ${reasons}`)
      .sort(),
  ];
}

/** Profiles that are still named in annotations. */
const profiles = (o: KubeObject | undefined): [string, string][] =>
  Object.entries(o?.metadata.annotations ?? {}).filter(
    ([key]) => key.includes('apparmor') || key.includes('seccomp'),
  );

/** Updates that change nothing a standard looks at pass. */
function unchanged({ operation, object, old, call }: Attributes): boolean {
  if (operation !== 'UPDATE' || call.subresource === 'ephemeralcontainers') return false;
  const spec = (o: KubeObject | undefined): PodSpec | undefined =>
    o && (fieldsOf(o)['spec'] as PodSpec | undefined);
  const relevant = (o: KubeObject | undefined): string =>
    JSON.stringify([
      { ...spec(o), tolerations: undefined, activeDeadlineSeconds: undefined },
      profiles(o),
    ]);
  return relevant(object) === relevant(old);
}
