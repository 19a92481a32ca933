import type { Pod, PodTemplateSpec } from '../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../api/generated/types/meta-v1.ts';
import { deepCopy, type KubeObject, type ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import { refs } from '../client/refs.ts';
import { controllerRef, isApiError, isNamespaceTerminating } from './owners.ts';

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

/** Creates and deletes pods with upstream's events on the owner. */
export class PodControl {
  readonly #client: Client;
  readonly #events: EventRecorder;

  constructor(client: Client, events: EventRecorder) {
    this.#client = client;
    this.#events = events;
  }

  async create(pod: object, owner: PodOwner): Promise<Pod> {
    try {
      const made = await this.#client.create<Pod>(refs.pods, pod);
      this.#events.normal(owner.object, 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
      return made;
    } catch (error) {
      if (!isNamespaceTerminating(error))
        this.#events.warning(owner.object, 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Throws NotFound when the pod is gone already. */
  async delete(pod: Pod, owner: PodOwner): Promise<void> {
    const { namespace, name } = pod.metadata;
    try {
      await this.#client.delete(
        refs.pods,
        { namespace, name: name! },
        { preconditions: { uid: pod.metadata.uid } },
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound'))
        this.#events.warning(owner.object, 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
    this.#events.normal(owner.object, 'SuccessfulDelete', `Deleted pod: ${name}`);
  }
}

/** How many calls a controller starts with before it knows that they succeed. */
const slowStartInitialBatch = 1;

/**
 * Calls `fn` `count` times in batches that double while all succeed, so that a quota is not run
 * into a thousand times. Answers how many succeeded, and the first error.
 */
export async function slowStart(
  count: number,
  fn: (index: number) => Promise<unknown>,
): Promise<{ successes: number; error: unknown }> {
  let done = 0;
  let successes = 0;
  for (
    let batch = Math.min(count, slowStartInitialBatch);
    batch > 0;
    batch = Math.min(2 * batch, count - done)
  ) {
    const from = done;
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => fn(from + i)));
    done += batch;
    successes += results.filter((r) => r.status === 'fulfilled').length;
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) return { successes, error: failed.reason };
  }
  return { successes, error: undefined };
}

export function asKubeObject(object: {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}): KubeObject {
  return object as KubeObject;
}
