import type { Pod, PodTemplateSpec } from '../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../api/generated/types/meta-v1.ts';
import { deepCopy, type ResourceRef } from '../api/object.ts';
import { refs } from '../client/refs.ts';
import { say, type Write } from './kit/write.ts';
import { controllerRef } from './owners.ts';

export interface PodOwner {
  ref: ResourceRef;
  object: { apiVersion: string; kind: string; metadata: ObjectMeta };
}

/** A pod as its template asks for it, owned and unnamed. */
export function podFromTemplate(template: PodTemplateSpec, owner: PodOwner): Omit<Pod, 'status'> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.object.metadata.name}-`,
      namespace: owner.object.metadata.namespace,
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(finalizers?.length ? { finalizers: [...finalizers] } : {}),
      ownerReferences: [controllerRef(owner.ref, owner.object)],
    },
    spec: deepCopy(template.spec),
  };
}

/** Makes a pod, with upstream's events on its owner. */
export function podCreation(pod: object, { object }: PodOwner): Write {
  return {
    verb: 'create',
    ref: refs.pods,
    object: pod,
    done: (made) => say(object, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`),
    failed: (error) => say(object, 'Warning', 'FailedCreate', `Error creating: ${error}`),
  };
}

/** Deletes this very pod, with upstream's events on its owner. */
export function podDeletion(pod: Pod, { object }: PodOwner): Write {
  const { name, uid } = pod.metadata;
  return {
    verb: 'delete',
    ref: refs.pods,
    object: pod,
    options: { preconditions: { uid } },
    done: () => say(object, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`),
    failed: (error) => say(object, 'Warning', 'FailedDelete', `Error deleting: ${error}`),
  };
}
