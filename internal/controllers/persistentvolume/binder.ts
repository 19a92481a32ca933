import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { keyOf } from '../../api/object.ts';
import {
  annotationOf,
  annotations,
  claimsHeldBy,
  classOfClaim,
  classOfVolume,
  defaultClassOf,
  saysItsClass,
} from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { isApiError } from '../owners.ts';
import { plan, type ClaimView, type View, type VolumeView } from './plan.ts';

const name = 'persistent-volume-binder';
/** Keys of the one queue. */
const ofClaim = 'claim:';
const ofVolume = 'volume:';

/** A volume is found under the claim it is promised to, or else under its class. */
const holderOf = (volume: PersistentVolume): string[] => {
  const ref = volume.spec.claimRef;
  return [ref ? `claim/${ref.namespace}/${ref.name}` : `class/${classOfVolume(volume)}`];
};

/** What an unbound claim waits for: the volume it names, or anything of its class. */
const wantOf = (claim: PersistentVolumeClaim): string[] => {
  if (annotationOf(claim, annotations.bindCompleted) !== undefined) return [];
  if (claim.spec.volumeName) return [`volume/${claim.spec.volumeName}`];
  return saysItsClass(claim) ? [`class/${classOfClaim(claim)}`] : ['class/', 'default'];
};

/**
 * Binds claims to volumes and volumes to claims, asks provisioners for those that are missing, and
 * says what becomes of a volume when its claim is gone (pkg/controller/volume/persistentvolume).
 */
export function startPersistentVolumeBinder(ctx: ControllerContext): Controller {
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
    indexes: { want: wantOf },
  });
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes, {
    indexes: { holder: holderOf },
  });
  const classes = ctx.mirrors.of<StorageClass>(refs.storageClasses);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: { claim: claimsHeldBy } });

  const viewOfClaim = (key: string): ClaimView | undefined => {
    const claim = claims.get(key);
    if (!claim) return undefined;
    const className = classOfClaim(claim);
    return {
      what: 'claim',
      claim,
      volume: claim.spec.volumeName ? volumes.get(claim.spec.volumeName) : undefined,
      candidates: [
        ...volumes.byIndex('holder', `claim/${key}`),
        ...volumes.byIndex('holder', `class/${className}`),
      ],
      storageClass: className ? classes.get(className) : undefined,
      defaultClass: saysItsClass(claim) ? undefined : defaultClassOf(classes.list()),
      unplacedPods: [...pods.byIndex('claim', key)].flatMap((pod) =>
        pod.spec.nodeName ? [] : [pod.metadata.name ?? ''],
      ),
    };
  };

  const viewOfVolume = async (key: string, read: Reading): Promise<VolumeView | undefined> => {
    const volume = volumes.get(key);
    if (!volume) return undefined;
    const ref = volume.spec.claimRef;
    if (!ref?.uid) return { what: 'volume', volume, claim: undefined };
    const seen = claims.get(`${ref.namespace}/${ref.name}`);
    if (seen?.metadata.uid === ref.uid) return { what: 'volume', volume, claim: seen };
    // The provisioner may have known a claim that is newer than the mirror: ask before
    // anything is taken away.
    const target = { namespace: ref.namespace, name: ref.name ?? '' };
    const now = await read.client
      .get<PersistentVolumeClaim>(refs.persistentVolumeClaims, target)
      .catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
    return { what: 'volume', volume, claim: now?.metadata.uid === ref.uid ? now : undefined };
  };

  return startPlanned<View>(
    ctx,
    {
      name,
      component: 'persistentvolume-controller',
      mirrors: [
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.persistentVolumes, mirror: volumes },
        { ref: refs.storageClasses, mirror: classes },
        { ref: refs.pods, mirror: pods },
      ],
      view: (key, read) =>
        key.startsWith(ofClaim)
          ? viewOfClaim(key.slice(ofClaim.length))
          : viewOfVolume(key.slice(ofVolume.length), read),
      plan,
    },
    (queue) => {
      const addClaim = (key: string): void => queue.add(`${ofClaim}${key}`);
      const addWanting = (what: string): void => {
        for (const claim of claims.byIndex('want', what)) addClaim(keyOf(claim));
      };
      claims.onChange(({ type, key, object, old }) => {
        if (type !== 'DELETED') addClaim(key);
        for (const one of new Set([object.spec.volumeName, old?.spec.volumeName]))
          if (one) queue.add(`${ofVolume}${one}`);
        // A volume may have been made for a claim that never came to name it.
        if (type === 'DELETED')
          for (const v of volumes.byIndex('holder', `claim/${key}`))
            queue.add(`${ofVolume}${v.metadata.name}`);
      });
      volumes.onChange(({ type, key, object, old }) => {
        if (type !== 'DELETED') queue.add(`${ofVolume}${key}`);
        for (const ref of [object.spec.claimRef, old?.spec.claimRef])
          if (ref?.name) addClaim(`${ref.namespace}/${ref.name}`);
        addWanting(`volume/${key}`);
        const free = type !== 'DELETED' && !object.spec.claimRef;
        if (free && object.status?.phase === 'Available')
          addWanting(`class/${classOfVolume(object)}`);
      });
      classes.onChange(({ type, key }) => {
        if (type === 'DELETED') return;
        addWanting(`class/${key}`);
        addWanting('default');
      });
      pods.onChange(({ type, object }) => {
        if (type !== 'ADDED' || object.spec.nodeName) return;
        for (const key of claimsHeldBy(object)) {
          const claim = claims.get(key);
          if (claim && wantOf(claim).length > 0) addClaim(key);
        }
      });
    },
  );
}
