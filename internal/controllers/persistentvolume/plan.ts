import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import {
  annotationOf,
  annotations,
  classOfClaim,
  isPromisedTo,
  mismatch,
  sameMode,
  saysItsClass,
} from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import { nothing, say, type Plan, type Say, type Write } from '../kit/write.ts';
import { annotated, bind, claimStatus, unbind, volumePhase } from './binding.ts';
import { bestVolumeFor } from './match.ts';
import { planReclaim } from './reclaim.ts';

export interface ClaimView {
  what: 'claim';
  claim: PersistentVolumeClaim;
  /** The one it names. */
  volume: PersistentVolume | undefined;
  /** Those that are promised to it, and the free ones of its class. */
  candidates: PersistentVolume[];
  storageClass: StorageClass | undefined;
  defaultClass: StorageClass | undefined;
  /** Pods that use it and have no node yet. */
  unplacedPods: string[];
}

export interface VolumeView {
  what: 'volume';
  volume: PersistentVolume;
  /** The claim that the volume is promised to, by name and uid; undefined when it is gone. */
  claim: PersistentVolumeClaim | undefined;
}

export type View = ClaimView | VolumeView;

export function plan(view: View): Plan {
  if (view.what === 'volume') return planVolume(view);
  const bound = annotationOf(view.claim, annotations.bindCompleted) !== undefined;
  return bound ? planBound(view) : planUnbound(view);
}

const doing = (...steps: (Write | Say)[]): Plan => ({ steps });

function planUnbound(view: ClaimView): Plan {
  const { claim, volume } = view;
  if (!claim.spec.volumeName) return planFree(view);
  const pending = claimStatus(claim, 'Pending');
  if (!volume) return doing(...pending);
  const tell = (reason: string, message: string): Say => say(claim, 'Warning', reason, message);
  const name = JSON.stringify(volume.metadata.name);
  if (!volume.spec.claimRef) {
    const why = mismatch(claim, volume);
    if (why === undefined) return doing(...bind(volume, claim));
    return doing(
      tell('VolumeMismatch', `Cannot bind to requested volume ${name}: ${why}`),
      ...pending,
    );
  }
  if (isPromisedTo(volume, claim)) return doing(...bind(volume, claim));
  const taken = tell('FailedBinding', `volume ${name} already bound to a different claim.`);
  return doing(taken, ...pending);
}

/** The claim takes any volume that is good enough. */
function planFree(view: ClaimView): Plan {
  const { claim, candidates, storageClass, defaultClass } = view;
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const found = bestVolumeFor(claim, candidates, { promisedOnly: waits });
  if (found) return doing(...bind(found, claim));
  if (!saysItsClass(claim) && defaultClass) {
    const spec = { ...claim.spec, storageClassName: defaultClass.metadata.name };
    const object = { ...claim, spec };
    return doing({ verb: 'update', ref: refs.persistentVolumeClaims, object });
  }
  const pending = claimStatus(claim, 'Pending');
  if (waits && annotationOf(claim, annotations.selectedNode) === undefined)
    return doing(waiting(view), ...pending);
  if (classOfClaim(claim) !== '') return doing(...provision(view));
  const none = 'no persistent volumes available for this claim and no storage class is set';
  return doing(say(claim, 'Normal', 'FailedBinding', none), ...pending);
}

function waiting({ claim, unplacedPods }: ClaimView): Say {
  if (unplacedPods.length === 0) {
    const message = 'waiting for first consumer to be created before binding';
    return say(claim, 'Normal', 'WaitForFirstConsumer', message);
  }
  const pods = `pod${unplacedPods.length > 1 ? 's' : ''} ${unplacedPods.join(',')}`;
  return say(claim, 'Normal', 'WaitForPodScheduled', `waiting for ${pods} to be scheduled`);
}

/** Provisioners of this class read in the claim that a volume is wanted. */
function provision({ claim, storageClass }: ClaimView): (Write | Say)[] {
  const fail = (message: string): Say => say(claim, 'Warning', 'ProvisioningFailed', message);
  if (!storageClass)
    return [fail(`storageclass.storage.k8s.io ${JSON.stringify(classOfClaim(claim))} not found`)];
  const { provisioner } = storageClass;
  // None of the drivers that were once built in is here, and the name says that nobody is.
  if (provisioner.startsWith('kubernetes.io/'))
    return [fail(`no volume plugin matched name: ${provisioner}`)];
  if (annotationOf(claim, annotations.provisioner) === provisioner) return [];
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or ` +
    'manually by the system administrator. If volume creation is delayed, please verify that ' +
    'the provisioner is running and correctly registered.';
  const marks = {
    [annotations.betaProvisioner]: provisioner,
    [annotations.provisioner]: provisioner,
  };
  return [
    {
      verb: 'update',
      ref: refs.persistentVolumeClaims,
      object: { ...claim, metadata: annotated(claim, marks) },
      quiet: ['Conflict'],
      done: () => say(claim, 'Normal', 'ExternalProvisioning', message),
    },
  ];
}

function planBound({ claim, volume }: ClaimView): Plan {
  const lost = (reason: string, message: string): Plan =>
    claim.status?.phase === 'Lost'
      ? nothing
      : doing(...claimStatus(claim, 'Lost', { say: say(claim, 'Warning', reason, message) }));
  if (!claim.spec.volumeName)
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  if (!volume)
    return lost(
      'ClaimLost',
      'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  const holder = volume.spec.claimRef;
  if (!holder || holder.uid === claim.metadata.uid) return doing(...bind(volume, claim));
  return lost(
    'ClaimMisbound',
    'Two claims are bound to the same volume, this one is bound incorrectly',
  );
}

function planVolume({ volume, claim }: VolumeView): Plan {
  const { claimRef, persistentVolumeReclaimPolicy: policy } = volume.spec;
  if (!claimRef?.uid) return doing(...volumePhase(volume, 'Available'));
  if (!claim) return planReclaim(volume);
  if (claim.spec.volumeName === volume.metadata.name) return doing(...volumePhase(volume, 'Bound'));
  if (!claim.spec.volumeName) {
    // The claim's own pass binds it, but for this.
    if (sameMode(claim, volume)) return nothing;
    const one = `PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}"`;
    const other = `PersistentVolume "${volume.metadata.name}" to requested PersistentVolumeClaim`;
    const tell = (about: object, which: string): Say =>
      say(
        about as Say['about'],
        'Warning',
        'VolumeMismatch',
        `Cannot bind ${which} due to incompatible volumeMode.`,
      );
    return doing(tell(volume, one), tell(claim, other));
  }
  // The claim is bound elsewhere.
  const made = annotationOf(volume, annotations.provisionedBy) !== undefined;
  return made && policy === 'Delete' ? planReclaim(volume) : doing(...unbind(volume));
}
