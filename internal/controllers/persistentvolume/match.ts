import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { isPromisedTo, sizeOfVolume, wishesOf } from '../../api/storage/claims.ts';

/**
 * The volume for a claim that asks for none by name: of those with the fewest access modes one that
 * is promised to it, else the smallest. With `promisedOnly` the scheduler gives the others away.
 */
export function bestVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { promisedOnly }: { promisedOnly: boolean },
): PersistentVolume | undefined {
  const { fits, selects } = wishesOf(claim);
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    const promised = isPromisedTo(volume, claim);
    if (volume.spec.claimRef ? !promised : promisedOnly) continue;
    if (volume.metadata.deletionTimestamp || !fits(volume)) continue;
    const free = volume.status?.phase === 'Available' && selects(volume);
    if (!promised && !free) continue;
    if (!best || isBetter(volume, best, claim)) best = volume;
  }
  return best;
}

function isBetter(a: PersistentVolume, b: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = (v: PersistentVolume): number => v.spec.accessModes?.length ?? 0;
  const promised = (v: PersistentVolume): number => (isPromisedTo(v, claim) ? 0 : 1);
  const order =
    modes(a) - modes(b) ||
    promised(a) - promised(b) ||
    sizeOfVolume(a).cmp(sizeOfVolume(b)) ||
    (a.metadata.name ?? '').localeCompare(b.metadata.name ?? '');
  return order < 0;
}
