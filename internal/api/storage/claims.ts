import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '../generated/types/core-v1.ts';
import { selectorFromObject } from '../selectors.ts';
import type { StorageClass } from '../generated/types/storage-v1.ts';
import { own } from '../../base/own.ts';
import { isTerminal } from '../scheduling/pod-resources.ts';
import { quantityOf, type Quantity } from '../quantity.ts';

/** Annotations by which those who bind, make and schedule volumes speak to each other. */
export const annotations = {
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  migratedTo: 'pv.kubernetes.io/migrated-to',
  selectedNode: 'volume.kubernetes.io/selected-node',
  provisioner: 'volume.kubernetes.io/storage-provisioner',
  betaProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
  betaClass: 'volume.beta.kubernetes.io/storage-class',
  defaultClass: 'storageclass.kubernetes.io/is-default-class',
  betaDefaultClass: 'storageclass.beta.kubernetes.io/is-default-class',
  preResizeCapacity: 'volume.alpha.kubernetes.io/pre-resize-capacity',
};

type Annotated = { metadata: { annotations?: Record<string, string> | null } };

export const annotationOf = ({ metadata }: Annotated, key: string): string | undefined =>
  own(metadata.annotations ?? undefined, key);

/** The class a claim asks for; empty = none. The old annotation counts more than the field. */
export const classOfClaim = (claim: PersistentVolumeClaim): string =>
  annotationOf(claim, annotations.betaClass) ?? claim.spec.storageClassName ?? '';

/** Whether a class was given, even an empty one. */
export const saysItsClass = (claim: PersistentVolumeClaim): boolean =>
  annotationOf(claim, annotations.betaClass) !== undefined ||
  claim.spec.storageClassName !== undefined;

export const classOfVolume = (volume: PersistentVolume): string =>
  annotationOf(volume, annotations.betaClass) ?? volume.spec.storageClassName ?? '';

/** Of several default classes the newest counts, then the first by name. */
export function defaultClassOf(classes: Iterable<StorageClass>): StorageClass | undefined {
  let best: StorageClass | undefined;
  for (const one of classes) {
    const isDefault =
      annotationOf(one, annotations.defaultClass) === 'true' ||
      annotationOf(one, annotations.betaDefaultClass) === 'true';
    if (isDefault && (!best || isNewer(one, best))) best = one;
  }
  return best;
}

function isNewer(a: StorageClass, b: StorageClass): boolean {
  const [at, bt] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return at === bt ? (a.metadata.name ?? '') < (b.metadata.name ?? '') : at > bt;
}

export const askedSize = ({ spec }: PersistentVolumeClaim): Quantity =>
  quantityOf(spec.resources?.requests?.['storage']);

export const sizeOfVolume = ({ spec }: PersistentVolume): Quantity =>
  quantityOf(spec.capacity?.['storage']);

/** Promised to this claim by its name at least; a uid in the promise must be the claim's. */
export function isPromisedTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec.claimRef;
  return (
    ref !== undefined &&
    ref.name === claim.metadata.name &&
    ref.namespace === claim.metadata.namespace &&
    (!ref.uid || ref.uid === claim.metadata.uid)
  );
}

export const sameMode = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec.volumeMode ?? 'Filesystem') === (volume.spec.volumeMode ?? 'Filesystem');

const sameAttributes = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec.volumeAttributesClassName ?? '') === (volume.spec.volumeAttributesClassName ?? '');

/** Every way the claim wants to be mounted is one of the volume's. */
const hasModes = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));

/** Why this volume cannot be the one the claim asks for by name; undefined when it can. */
export function mismatch(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): string | undefined {
  if (volume.metadata.deletionTimestamp)
    return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`;
  if (sizeOfVolume(volume).value() < askedSize(claim).value()) return 'requested PV is too small';
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match';
  if (!sameAttributes(claim, volume)) return 'volumeAttributesClassName does not match';
  if (!sameMode(claim, volume)) return 'incompatible volumeMode';
  if (!hasModes(claim, volume)) return 'incompatible accessMode';
  return undefined;
}

/** The name of the claim behind a volume of a pod: named, or made for the pod alone. */
export const claimNameOf = (pod: Pod, volume: Volume): string | undefined =>
  volume.persistentVolumeClaim?.claimName ??
  (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined);

/** Claims (`namespace/name`) that a pod holds as long as it may run. */
export const claimsHeldBy = (pod: Pod): string[] =>
  isTerminal(pod)
    ? []
    : (pod.spec.volumes ?? []).flatMap((v) => {
        const claim = claimNameOf(pod, v);
        return claim ? [`${pod.metadata.namespace}/${claim}`] : [];
      });

/** What a claim asks of a volume, read once for many volumes. */
export function wishesOf(claim: PersistentVolumeClaim): {
  /** It has the size, the modes and the attributes, whatever class it is of. */
  fits(volume: PersistentVolume): boolean;
  /** It is of the claim's class and matches its selector. */
  selects(volume: PersistentVolume): boolean;
} {
  const asked = askedSize(claim);
  const selector = claim.spec.selector ? selectorFromObject(claim.spec.selector) : undefined;
  return {
    fits: (volume) =>
      sizeOfVolume(volume).cmp(asked) >= 0 &&
      sameMode(claim, volume) &&
      sameAttributes(claim, volume) &&
      hasModes(claim, volume),
    selects: (volume) =>
      classOfVolume(volume) === classOfClaim(claim) &&
      (!selector || selector.matches(volume.metadata.labels ?? {})),
  };
}
