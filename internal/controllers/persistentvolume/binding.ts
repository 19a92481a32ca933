import { equalField, typeOf } from '../../api/equality.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
} from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { parseQuantity, type Quantity } from '../../api/quantity.ts';
import { annotationOf, annotations, isPromisedTo } from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Say, Write, Written } from '../kit/write.ts';

/**
 * Both sides point at each other and say so; the volume is written first, so that nobody else takes
 * it. What is written already is left out.
 */
export function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Write[] {
  const promise = promiseTo(volume, claim);
  const pointer = pointAt(claim, volume);
  return [
    ...promise,
    ...volumePhase(volume, 'Bound', { after: promise }),
    ...pointer,
    ...claimStatus(claim, 'Bound', { volume, after: pointer }),
  ];
}

function promiseTo(volume: PersistentVolume, claim: PersistentVolumeClaim): Write[] {
  const ours = !isPromisedTo(volume, claim);
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  if (!ours && volume.spec.claimRef?.uid === uid) return [];
  const claimRef = {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    namespace,
    name,
    uid,
    resourceVersion,
  };
  const object = {
    ...volume,
    metadata: ours
      ? annotated(volume, { [annotations.boundByController]: 'yes' })
      : volume.metadata,
    spec: { ...volume.spec, claimRef },
  };
  return [{ verb: 'update', ref: refs.persistentVolumes, quiet: ['Conflict'], object }];
}

function pointAt(claim: PersistentVolumeClaim, volume: PersistentVolume): Write[] {
  const name = volume.metadata.name!;
  const points = claim.spec.volumeName === name;
  if (points && annotationOf(claim, annotations.bindCompleted) !== undefined) return [];
  const object = {
    ...claim,
    metadata: annotated(claim, {
      ...(points ? {} : { [annotations.boundByController]: 'yes' }),
      [annotations.bindCompleted]: 'yes',
    }),
    spec: { ...claim.spec, volumeName: name },
  };
  return [{ verb: 'update', ref: refs.persistentVolumeClaims, quiet: ['Conflict'], object }];
}

export function annotated(object: Written, more: Record<string, string>): Written['metadata'] {
  return { ...object.metadata, annotations: { ...object.metadata.annotations, ...more } };
}

/** What a write of a status has besides. */
interface Manner {
  /** Writes of the same object that come before: its version is another by then. */
  after?: Write[];
  /** Said when the phase changes. */
  say?: Say;
}

const statusWrite = (ref: ResourceRef, object: Written, { after = [], say }: Manner): Write => ({
  verb: 'update',
  ref,
  subresource: 'status',
  quiet: ['Conflict'],
  // Without a version the uid is what must be the same.
  object:
    after.length > 0
      ? { ...object, metadata: { ...object.metadata, resourceVersion: undefined } }
      : object,
  ...(say ? { done: () => say } : {}),
});

export function volumePhase(
  volume: PersistentVolume,
  phase: 'Available' | 'Bound' | 'Released' | 'Failed',
  manner: Manner = {},
): Write[] {
  if (volume.status?.phase === phase) return [];
  const status = { ...volume.status, phase, message: manner.say?.message };
  return [statusWrite(refs.persistentVolumes, { ...volume, status } as Written, manner)];
}

/** `volume`: what the claim is bound to; without it the claim has nothing to show. */
export function claimStatus(
  claim: PersistentVolumeClaim,
  phase: 'Pending' | 'Bound' | 'Lost',
  { volume, ...manner }: Manner & { volume?: PersistentVolume } = {},
): Write[] {
  const before = claim.status ?? {};
  const status: PersistentVolumeClaimStatus = {
    ...before,
    phase,
    accessModes: volume?.spec.accessModes,
    ...(volume
      ? shownOf(before, volume)
      : { capacity: undefined, currentVolumeAttributesClassName: undefined }),
  };
  if (equalField(typeOf(refs.persistentVolumeClaims), 'status', status, before)) return [];
  return [statusWrite(refs.persistentVolumeClaims, { ...claim, status } as Written, manner)];
}

/** Size and class are told when a claim becomes bound; afterwards they are a resizer's. */
function shownOf(
  before: PersistentVolumeClaimStatus,
  volume: PersistentVolume,
): Partial<PersistentVolumeClaimStatus> {
  if (before.phase === 'Bound') return {};
  const resizing = quantityOrNone(annotationOf(volume, annotations.preResizeCapacity));
  return {
    capacity:
      resizing === undefined
        ? volume.spec.capacity
        : { ...before.capacity, storage: resizing.toString() },
    ...(before.phase === 'Lost'
      ? {}
      : { currentVolumeAttributesClassName: volume.spec.volumeAttributesClassName }),
  };
}

function quantityOrNone(text: string | undefined): Quantity | undefined {
  try {
    return text === undefined ? undefined : parseQuantity(text);
  } catch {
    return undefined; // somebody wrote nonsense into an annotation: the volume's own size counts
  }
}

/** Takes back what a binding wrote to the volume; a promise of the administrator stays. */
export function unbind(volume: PersistentVolume): Write[] {
  const { [annotations.boundByController]: byUs, ...others } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec;
  const object =
    byUs === undefined
      ? { ...volume, spec: { ...spec, claimRef: { ...claimRef, uid: undefined } } }
      : { ...volume, metadata: { ...volume.metadata, annotations: others }, spec };
  const write: Write = { verb: 'update', ref: refs.persistentVolumes, quiet: ['Conflict'], object };
  return [write, ...volumePhase(volume, 'Available', { after: [write] })];
}
