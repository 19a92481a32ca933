import type { DaemonSetSpec } from '../generated/types/apps-v1.ts';
import type { JobSpec } from '../generated/types/batch-v1.ts';
import { semanticEqual } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';

const templateGeneration = 'deprecated.daemonset.template.generation';

export function daemonSetCreate(object: KubeObject): void {
  object.metadata.generation = 1;
  const annotations = object.metadata.annotations ?? {};
  // The internal field has no place in apps/v1; the version's conversion keeps it in this
  // annotation.
  if (!(Number(annotations[templateGeneration]) >= 1))
    object.metadata.annotations = { ...annotations, [templateGeneration]: '1' };
}

export function daemonSetUpdate(object: KubeObject, old: KubeObject): void {
  const [spec, was] = [
    fieldsOf(object)['spec'] as DaemonSetSpec,
    fieldsOf(old)['spec'] as DaemonSetSpec,
  ];
  const newTemplate = !semanticEqual(spec.template, was.template);
  const generation =
    Number(old.metadata.annotations?.[templateGeneration] ?? 0) + (newTemplate ? 1 : 0);
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [templateGeneration]: String(generation),
  };
  if (newTemplate || !semanticEqual(spec, was))
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'];
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid'];

/** Gives a Job a selector that no other Job can share, unless its owner asked to choose one. */
export function jobCreate(object: KubeObject): void {
  const spec = { ...(fieldsOf(object)['spec'] as JobSpec) };
  if (spec.manualSelector) return;
  const { name = '', uid = '' } = object.metadata;
  const labels = { ...spec.template.metadata?.labels };
  for (const label of nameLabels) labels[label] ??= name;
  for (const label of uidLabels) labels[label] ??= uid;
  spec.template = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
  const matchLabels = { ...spec.selector?.matchLabels };
  matchLabels['batch.kubernetes.io/controller-uid'] ??= uid;
  spec.selector = { ...spec.selector, matchLabels };
  fieldsOf(object)['spec'] = spec;
}
