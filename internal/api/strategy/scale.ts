import { at, dictOf, numberOf, textOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import type { Scale } from '../generated/types/autoscaling-v1.ts';
import { asObject, type KubeObject } from '../object.ts';
import { formatSelector } from '../selectors.ts';
import type { FieldError } from '../status.ts';

/**
 * Where a kind keeps what /scale shows; built-in kinds have the first, a definition names its own.
 */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

const builtin: ScalePaths = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};

/**
 * The autoscaling/v1 Scale of a Deployment, ReplicaSet, ReplicationController, StatefulSet or
 * custom resource.
 */
export function toScale(object: KubeObject, paths: ScalePaths = builtin): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberOf(at(object, paths.specReplicasPath.slice(1)));
  const selector = selectorText(
    paths.labelSelectorPath ? at(object, paths.labelSelectorPath.slice(1)) : undefined,
  );
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberOf(at(object, paths.statusReplicasPath.slice(1))),
      ...(selector ? { selector } : {}),
    },
  };
}

function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  const map = dictOf(selector);
  const isSelector = 'matchLabels' in map || 'matchExpressions' in map;
  const text = formatSelector(isSelector ? map : { matchLabels: map as Record<string, string> });
  return text === '<none>' || text === '<error>' ? '' : text;
}

/** The dotted path of the number of replicas, without a leading dot. */
export const replicasPathOf = (paths: ScalePaths = builtin): string =>
  paths.specReplicasPath.slice(1);

/**
 * A copy of `object` with the wanted number of replicas and, where the client named one, its
 * resourceVersion and uid.
 */
export function withScale(
  object: KubeObject,
  scale: KubeObject,
  paths: ScalePaths = builtin,
): KubeObject {
  const next: Dict = { ...object, metadata: { ...object.metadata } };
  const keys = paths.specReplicasPath.slice(1).split('.');
  const last = keys.pop() ?? 'replicas';
  let here = next;
  for (const key of keys) here = here[key] = { ...dictOf(here[key]) };
  here[last] = numberOf(at(scale, 'spec.replicas'));
  const { resourceVersion, uid } = scale.metadata;
  const metadata = next['metadata'] as Dict;
  if (resourceVersion) metadata['resourceVersion'] = resourceVersion;
  if (uid) metadata['uid'] = uid;
  return asObject(next);
}

/** Checks a Scale that a client sent. */
export function validateScale(scale: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const replicas = numberOf(at(scale, 'spec.replicas'));
  if (!textOf(scale.metadata.name))
    errors.push({
      type: 'FieldValueRequired',
      field: 'metadata.name',
      detail: 'name or generateName is required',
    });
  if (replicas < 0)
    errors.push({
      type: 'FieldValueInvalid',
      field: 'spec.replicas',
      value: replicas,
      detail: 'must be greater than or equal to 0',
    });
  return errors;
}
