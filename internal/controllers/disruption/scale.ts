import type { Deployment, ReplicaSet, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod, ReplicationController } from '../../api/generated/types/core-v1.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { SkiffError } from '../../base/errors.ts';
import type { Client, Mirror } from '../../client/client.ts';
import { controllerOf, isApiError } from '../owners.ts';
import type { Scale } from './plan.ts';

export interface ScaleMirrors {
  sets: Mirror<ReplicaSet>;
  deployments: Mirror<Deployment>;
  stateful: Mirror<StatefulSet>;
  controllers: Mirror<ReplicationController>;
}

export interface ScaleReading {
  mirrors: ScaleMirrors;
  client: Client;
  /** All kinds that are served: one of them may have a scale. */
  kinds: ResourceRef[];
}

/** How many pods the owners of these want. Throws for an owner that has no scale. */
export async function scaleOf(pods: Pod[], read: ScaleReading): Promise<Scale> {
  const scales = new Map<string, number>();
  const seen = new Set<string>();
  let unmanaged = 0;
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner) unmanaged += 1;
    else if (!seen.has(owner.uid)) {
      seen.add(owner.uid);
      const scale = await ownerScale(read, owner, pod.metadata.namespace!);
      if (!scale)
        throw new SkiffError(`found no controllers for pod "${pod.metadata.name}"`, {
          code: 'NO_CONTROLLER',
          op: 'disruption',
        });
      scales.set(scale.uid, scale.replicas);
    }
  }
  return { expected: [...scales.values()].reduce((a, b) => a + b, 0), unmanaged };
}

async function ownerScale(
  { mirrors, client, kinds }: ScaleReading,
  owner: OwnerReference,
  namespace: string,
): Promise<{ uid: string; replicas: number } | undefined> {
  const key = `${namespace}/${owner.name}`;
  const group = owner.apiVersion.split('/')[0];
  const found = <T extends { metadata: { uid?: string }; spec: { replicas?: number } }>(
    object: T | undefined,
    uid: string,
  ): { uid: string; replicas: number } | undefined =>
    object?.metadata.uid === uid ? { uid, replicas: object.spec.replicas ?? 1 } : undefined;
  if (group === 'apps' && owner.kind === 'ReplicaSet') {
    const set = mirrors.sets.get(key);
    const above = set?.metadata.uid === owner.uid ? controllerOf(set) : undefined;
    if (above?.kind === 'Deployment')
      return found(mirrors.deployments.get(`${namespace}/${above.name}`), above.uid);
    return found(set, owner.uid);
  }
  if (group === 'apps' && owner.kind === 'StatefulSet')
    return found(mirrors.stateful.get(key), owner.uid);
  if (owner.apiVersion === 'v1' && owner.kind === 'ReplicationController')
    return found(mirrors.controllers.get(key), owner.uid);
  const ref = kinds.find(
    (r) => r.kind === owner.kind && r.group === (owner.apiVersion.includes('/') ? group : ''),
  );
  if (!ref) return undefined;
  try {
    const scale = await client.get<{ metadata: { uid?: string }; spec: { replicas?: number } }>(
      ref,
      { namespace, name: owner.name, subresource: 'scale' },
    );
    return scale.metadata.uid === owner.uid
      ? { uid: owner.uid, replicas: scale.spec?.replicas ?? 0 }
      : undefined;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}
