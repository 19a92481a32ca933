import type { PersistentVolume } from '../../api/generated/types/core-v1.ts';
import { annotationOf, annotations } from '../../api/storage/claims.ts';
import { say, type Plan, type Write } from '../kit/write.ts';
import { volumePhase } from './binding.ts';

/** What becomes of a volume whose claim is gone. A failure that was told stays told. */
export function planReclaim(volume: PersistentVolume): Plan {
  const { phase } = volume.status ?? {};
  const released: Write[] =
    phase === 'Released' || phase === 'Failed' ? [] : volumePhase(volume, 'Released');
  const failed = refusal(volume);
  if (!failed || phase === 'Failed') return { steps: released };
  const told = say(volume, 'Warning', failed.reason, failed.message);
  return { steps: [...released, ...volumePhase(volume, 'Failed', { after: released, say: told })] };
}

/** Why nobody will do what the volume's policy asks for; undefined when it is done or left. */
function refusal(volume: PersistentVolume): { reason: string; message: string } | undefined {
  if (annotationOf(volume, annotations.migratedTo)) return undefined;
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Retain':
      return undefined;
    case 'Delete': {
      const why = undeletable(volume);
      return why === undefined ? undefined : { reason: 'VolumeFailedDelete', message: why };
    }
    case 'Recycle':
      return { reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' };
    default:
      return {
        reason: 'VolumeUnknownReclaimPolicy',
        message: 'Volume has unrecognized PersistentVolumeReclaimPolicy',
      };
  }
}

/** Volumes are deleted by those who made them; what an administrator made, nobody can delete. */
function undeletable({ metadata, spec }: PersistentVolume): string | undefined {
  const provisioner = annotationOf({ metadata }, annotations.provisionedBy);
  if (provisioner?.startsWith('kubernetes.io/'))
    return `no deletable volume plugin matched name: ${provisioner}`;
  if (provisioner || spec.csi) return undefined;
  return (
    `error getting deleter volume plugin for volume ${JSON.stringify(metadata.name)}: ` +
    'no deletable volume plugin matched'
  );
}
