import { table } from '../../base/own.ts';
import type { Namespace, Pod, PodSpec } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { forbidden } from '../../api/status.ts';
import type { Core } from '../registry/call.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';
import { violations, type Level } from './pod-security-checks.ts';

const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

/** Kinds that make pods: they get warnings only, where their template is. */
const templates: Record<string, (object: KubeObject) => unknown> = table({
  'apps/deployments': (o) => template(o), 'apps/daemonsets': (o) => template(o), 'apps/statefulsets': (o) => template(o), 'apps/replicasets': (o) => template(o),
  '/replicationcontrollers': (o) => template(o), 'batch/jobs': (o) => template(o),
  'batch/cronjobs': (o) => template((o['spec'] as { jobTemplate?: KubeObject } | undefined)?.jobTemplate),
  '/podtemplates': (o) => o['template'],
});

const template = (object: KubeObject | undefined): unknown => (object?.['spec'] as { template?: unknown } | undefined)?.template;

/** The Pod Security Standards, by the namespace's labels (plugin PodSecurity, KEP-2579). */
export function podSecurity(core: Core): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    handles: ({ call, operation }) => {
      if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
      const path = `${call.resource.group}/${call.resource.resource}`;
      return (path === '/pods' && ['', 'ephemeralcontainers', 'resize'].includes(call.subresource)) || (call.subresource === '' && templates[path] !== undefined);
    },
    async validate(attributes) {
      const { call } = attributes;
      const labels = (await lookup<Namespace>(core, `/registry/namespaces/${call.namespace}`))?.metadata.labels;
      if (!labels) return;
      const enforce = levelOf(labels[label('enforce')]);
      const warn = levelOf(labels[label('warn')]);
      if (enforce === 'privileged' && warn === 'privileged') return;
      const isPod = call.resource.resource === 'pods';
      if (isPod && unchanged(attributes)) return;
      const pod = (isPod ? attributes.object : templates[`${call.resource.group}/${call.resource.resource}`]?.(attributes.object as KubeObject)) as Pod | undefined;
      if (!pod?.spec) return;
      if (isPod) refuseIfBad(attributes, pod, enforce, labels[label('enforce-version')] ?? 'latest');
      if (warn !== 'privileged') {
        const wrong = violations(pod.metadata, pod.spec, warn);
        if (wrong.length) call.warnings.push(`would violate PodSecurity "${warn}:${labels[label('warn-version')] ?? 'latest'}": ${wrong.map(text).join(', ')}`);
      }
    },
  };
}

const text = (one: { reason: string; detail: string }): string => (one.detail ? `${one.reason} (${one.detail})` : one.reason);

function refuseIfBad(attributes: Attributes, pod: Pod, level: Level, version: string): void {
  if (level === 'privileged') return;
  const wrong = violations(pod.metadata, pod.spec, level);
  if (wrong.length === 0) return;
  throw forbidden({ group: '', resource: 'pods' }, pod.metadata.name ?? '', `violates PodSecurity "${level}:${version}": ${wrong.map(text).join(', ')}`);
}

function levelOf(value: string | undefined): Level {
  return value === 'baseline' || value === 'restricted' ? value : 'privileged';
}

/** Updates that change nothing a standard looks at pass. */
function unchanged({ operation, object, old, call }: Attributes): boolean {
  if (operation !== 'UPDATE' || call.subresource === 'ephemeralcontainers') return false;
  const spec = (o: KubeObject | undefined): PodSpec | undefined => o?.['spec'] as PodSpec | undefined;
  const relevant = (o: KubeObject | undefined): string => JSON.stringify({ ...spec(o), tolerations: undefined, activeDeadlineSeconds: undefined });
  return relevant(object) === relevant(old);
}
