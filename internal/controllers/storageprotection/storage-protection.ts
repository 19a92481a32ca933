import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { VolumeAttributesClass } from '../../api/generated/types/storage-v1.ts';
import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { claimNameOf } from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan, type Written } from '../kit/write.ts';

const attributesClasses: ResourceRef = {
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'volumeattributesclasses',
  kind: 'VolumeAttributesClass',
  namespaced: false,
};

/** An object that is being deleted, and whether something still uses it. */
interface HeldView {
  object: Written;
  used: boolean;
}

/** Takes the finalizer off when nothing uses the object any more. */
function planRelease(ref: ResourceRef, finalizer: string, { object, used }: HeldView): Plan {
  if (used) return nothing;
  const finalizers = (object.metadata.finalizers ?? []).filter((f) => f !== finalizer);
  const next = { ...object, metadata: { ...object.metadata, finalizers } };
  // The controllers' roles allow update and not patch.
  return { steps: [{ verb: 'update', ref, object: next }] };
}

/** The first of many, if there is one. */
const some = (things: Iterable<unknown>): boolean => !things[Symbol.iterator]().next().done;

const waits = (object: { metadata: ObjectMeta } | undefined, finalizer: string): boolean =>
  Boolean(object?.metadata.deletionTimestamp && object.metadata.finalizers?.includes(finalizer));

const claimFinalizer = 'kubernetes.io/pvc-protection';

/** Its node has let go of everything, or was not asked: only finalizers keep the object. */
const isShutDown = ({ metadata }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;

/**
 * Claims (`namespace/name`) that a pod uses. One without a node does not yet, and would not start
 * with a claim that is being deleted; one that has ended keeps them until it is deleted.
 */
const claimsUsedBy = (pod: Pod): string[] =>
  (pod.spec.nodeName ? (pod.spec.volumes ?? []) : []).flatMap((volume) => {
    const claim = claimNameOf(pod, volume);
    const used = claim !== undefined && !(volume.ephemeral && isShutDown(pod));
    return used ? [`${pod.metadata.namespace}/${claim}`] : [];
  });

/** A claim that is being deleted stays until no pod uses it. */
export function startPvcProtectionController(ctx: ControllerContext): Controller {
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: { usedClaim: claimsUsedBy } });
  return startPlanned<HeldView>(
    ctx,
    {
      name: 'pvc-protection-controller',
      title: 'pvc-protection',
      mirrors: [
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.pods, mirror: pods },
      ],
      view: async (key, { client }) => {
        const object = claims.get(key);
        if (!object || !waits(object, claimFinalizer)) return undefined;
        // The end of a pod that uses it brings the key again.
        if (some(pods.byIndex('usedClaim', key))) return { object, used: true };
        // A mirror that is older than the deletion may not show the pod that was just placed.
        const sure = Number(pods.resourceVersion) >= Number(object.metadata.resourceVersion);
        const { namespace } = object.metadata;
        const fresh = sure ? [] : (await client.list<Pod>(refs.pods, { namespace })).items;
        return { object, used: fresh.some((pod) => claimsUsedBy(pod).includes(key)) };
      },
      plan: (v) => planRelease(refs.persistentVolumeClaims, claimFinalizer, v),
    },
    (queue) => {
      claims.onChange(({ key, object }) => waits(object, claimFinalizer) && queue.add(key));
      pods.onChange(({ object, old }) => {
        for (const key of [...claimsUsedBy(object), ...(old ? claimsUsedBy(old) : [])])
          queue.add(key);
      });
    },
  );
}

const volumeFinalizer = 'kubernetes.io/pv-protection';

/** A volume that is being deleted stays until it is bound to no claim. */
export function startPvProtectionController(ctx: ControllerContext): Controller {
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes);
  return startPlanned<HeldView>(
    ctx,
    {
      name: 'pv-protection-controller',
      title: 'pv-protection',
      mirrors: [{ ref: refs.persistentVolumes, mirror: volumes }],
      view: (key) => {
        const object = volumes.get(key);
        return object && waits(object, volumeFinalizer)
          ? { object, used: object.status?.phase === 'Bound' }
          : undefined;
      },
      plan: (v) => planRelease(refs.persistentVolumes, volumeFinalizer, v),
    },
    (queue) => {
      volumes.onChange(({ key, object }) => waits(object, volumeFinalizer) && queue.add(key));
    },
  );
}

const classFinalizer = 'kubernetes.io/vac-protection';

/** A class that is being deleted stays until no claim and no volume names it. */
export function startVacProtectionController(ctx: ControllerContext): Controller {
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
  const used = (key: string): boolean =>
    some(claims.byIndex('attributesClass', key)) || some(volumes.byIndex('attributesClass', key));
  return startPlanned<HeldView>(
    ctx,
    {
      name: 'volumeattributesclass-protection-controller',
      title: 'vac-protection',
      mirrors: [
        { ref: attributesClasses, mirror: classes },
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.persistentVolumes, mirror: volumes },
      ],
      view: (key) => {
        const object = classes.get(key);
        return object && waits(object, classFinalizer) ? { object, used: used(key) } : undefined;
      },
      plan: (v) => planRelease(attributesClasses, classFinalizer, v),
    },
    (queue) => {
      classes.onChange(({ key, object }) => waits(object, classFinalizer) && queue.add(key));
      claims.onChange(({ object, old }) =>
        [...ofClaim(object), ...(old ? ofClaim(old) : [])].forEach((k) => queue.add(k)),
      );
      volumes.onChange(({ object, old }) =>
        [...ofVolume(object), ...(old ? ofVolume(old) : [])].forEach((k) => queue.add(k)),
      );
    },
  );
}
