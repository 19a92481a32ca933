import { ApiFailure, call, json } from './api.ts';
import { pods } from './kinds.ts';
import type { ListOf, PodObject } from './objects.ts';
import { listPath, objectPath, withQuery, type Ref } from './paths.ts';

const manager = 'skiff-dashboard';
const merge = (path: string, body: object): Promise<unknown> =>
  call(withQuery(path, { fieldManager: manager }), {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body,
  });

export const scale = (ref: Ref, replicas: number): Promise<unknown> =>
  merge(objectPath(ref, 'scale'), { spec: { replicas } });

/** As kubectl rollout restart: another template, so that all pods are made anew, in its order. */
export const restart = (ref: Ref, nowMs: number): Promise<unknown> =>
  merge(objectPath(ref), {
    spec: {
      template: {
        metadata: {
          annotations: { 'kubectl.kubernetes.io/restartedAt': new Date(nowMs).toISOString() },
        },
      },
    },
  });

export const cordon = (node: Ref, unschedulable: boolean): Promise<unknown> =>
  merge(objectPath(node), { spec: { unschedulable } });

export const remove = (ref: Ref): Promise<unknown> =>
  call(objectPath(ref), { method: 'DELETE', body: { propagationPolicy: 'Background' } });

/** Which pods of a node a drain moves, as kubectl does: not those that would be back at once. */
export function toEvict(all: readonly PodObject[]): { move: PodObject[]; lone: PodObject[] } {
  const move: PodObject[] = [];
  const lone: PodObject[] = [];
  for (const pod of all) {
    const { annotations = {}, ownerReferences = [] } = pod.metadata;
    const owner = ownerReferences.find(({ controller }) => controller === true);
    const done = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (Object.hasOwn(annotations, 'kubernetes.io/config.mirror') || owner?.kind === 'DaemonSet')
      continue;
    (owner || done ? move : lone).push(pod);
  }
  return { move, lone };
}

export interface Drained {
  evicted: string[];
  /** With the server's reason: a disruption budget mostly. */
  refused: string[];
  /** Nothing would make them again: left alone. */
  lone: string[];
}

/** Cordons, then asks for the eviction of each pod, once. */
export async function drain(node: Ref): Promise<Drained> {
  await cordon(node, true);
  const { items } = await json<ListOf<PodObject>>(
    withQuery(listPath(pods), { fieldSelector: `spec.nodeName=${node.name}` }),
  );
  const { move, lone } = toEvict(items);
  const told: Drained = { evicted: [], refused: [], lone: lone.map(nameOf) };
  for (const pod of move) {
    const { name, namespace } = pod.metadata;
    try {
      await call(objectPath({ ...pods, namespace, name }, 'eviction'), {
        method: 'POST',
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      });
      told.evicted.push(nameOf(pod));
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      if (error.code !== 404) told.refused.push(`${nameOf(pod)}: ${error.message}`);
    }
  }
  return told;
}

const nameOf = ({ metadata }: PodObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;
