import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { VolumeAttributesClass } from '../../api/generated/types/storage-v1.ts';
import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { isTerminal } from '../../api/scheduling/pod-resources.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

const attributesClasses: ResourceRef = {
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'volumeattributesclasses',
  kind: 'VolumeAttributesClass',
  namespaced: false,
};

/**
 * Takes one finalizer off an object that is being deleted. Somebody else having done so is as good.
 */
async function release(
  client: Client,
  ref: ResourceRef,
  object: { metadata: ObjectMeta },
  finalizer: string,
): Promise<void> {
  const finalizers = (object.metadata.finalizers ?? []).filter((f) => f !== finalizer);
  try {
    // The controllers' roles allow update and not patch.
    await client.update(ref, { ...object, metadata: { ...object.metadata, finalizers } });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

const waits = (object: { metadata: ObjectMeta } | undefined, finalizer: string): boolean =>
  Boolean(object?.metadata.deletionTimestamp && object.metadata.finalizers?.includes(finalizer));

/** Claims that a pod holds as long as it may run. */
const claimsOf = (pod: Pod): string[] =>
  isTerminal(pod)
    ? []
    : (pod.spec.volumes ?? []).flatMap((v) => {
        const claim =
          v.persistentVolumeClaim?.claimName ??
          (v.ephemeral ? `${pod.metadata.name}-${v.name}` : undefined);
        return claim ? [`${pod.metadata.namespace}/${claim}`] : [];
      });

const claimFinalizer = 'kubernetes.io/pvc-protection';

/** A claim that is being deleted stays until no pod uses it. */
export function startPvcProtectionController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor('pvc-protection-controller');
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: { claim: claimsOf } });
  const reconcile = async (key: string): Promise<void> => {
    const claim = claims.get(key);
    if (!claim || !waits(claim, claimFinalizer)) return;
    for (const _pod of pods.byIndex('claim', key)) return; // the pod's end brings the key again
    await release(client, refs.persistentVolumeClaims, claim, claimFinalizer);
  };
  const queue = makeQueue(ctx, { name: 'pvc-protection', reconcile });
  claims.onChange(({ key, object }) => waits(object, claimFinalizer) && queue.add(key));
  pods.onChange(({ object, old }) => {
    for (const key of [...claimsOf(object), ...(old ? claimsOf(old) : [])]) queue.add(key);
  });
  return run(queue, { name: 'pvc-protection', mirrors: [claims, pods] });
}

const volumeFinalizer = 'kubernetes.io/pv-protection';

/** A volume that is being deleted stays until it is bound to no claim. */
export function startPvProtectionController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor('pv-protection-controller');
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes);
  const reconcile = async (key: string): Promise<void> => {
    const volume = volumes.get(key);
    if (volume && waits(volume, volumeFinalizer) && volume.status?.phase !== 'Bound')
      await release(client, refs.persistentVolumes, volume, volumeFinalizer);
  };
  const queue = makeQueue(ctx, { name: 'pv-protection', reconcile });
  volumes.onChange(({ key, object }) => waits(object, volumeFinalizer) && queue.add(key));
  return run(queue, { name: 'pv-protection', mirrors: [volumes] });
}

const classFinalizer = 'kubernetes.io/vac-protection';

/** A class that is being deleted stays until no claim and no volume names it. */
export function startVacProtectionController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor('volumeattributesclass-protection-controller');
  const classes = ctx.mirrors.of<VolumeAttributesClass>(attributesClasses);
  const ofClaim = (c: PersistentVolumeClaim): string[] =>
    [c.spec.volumeAttributesClassName, c.status?.currentVolumeAttributesClassName].flatMap((n) =>
      n ? [n] : [],
    );
  const ofVolume = (v: PersistentVolume): string[] =>
    v.spec.volumeAttributesClassName ? [v.spec.volumeAttributesClassName] : [];
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
    indexes: { attributesClass: ofClaim },
  });
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes, {
    indexes: { attributesClass: ofVolume },
  });
  const reconcile = async (key: string): Promise<void> => {
    const object = classes.get(key);
    if (!object || !waits(object, classFinalizer)) return;
    for (const _claim of claims.byIndex('attributesClass', key)) return;
    for (const _volume of volumes.byIndex('attributesClass', key)) return;
    await release(client, attributesClasses, object, classFinalizer);
  };
  const queue = makeQueue(ctx, { name: 'vac-protection', reconcile });
  classes.onChange(({ key, object }) => waits(object, classFinalizer) && queue.add(key));
  claims.onChange(({ object, old }) =>
    [...ofClaim(object), ...(old ? ofClaim(old) : [])].forEach((k) => queue.add(k)),
  );
  volumes.onChange(({ object, old }) =>
    [...ofVolume(object), ...(old ? ofVolume(old) : [])].forEach((k) => queue.add(k)),
  );
  return run(queue, { name: 'vac-protection', mirrors: [classes, claims, volumes] });
}
