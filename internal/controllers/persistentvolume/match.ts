import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import {
  askedSize,
  classOfClaim,
  classOfVolume,
  hasModes,
  isPromisedTo,
  sameAttributes,
  sameMode,
  sizeOfVolume,
} from '../../api/storage/claims.ts';

/**
 * The volume for a claim that asks for none by name: of those with the fewest access modes one that
 * is promised to it, else the smallest. With `promisedOnly` the scheduler gives the others away.
 */
export function bestVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { promisedOnly }: { promisedOnly: boolean },
): PersistentVolume | undefined {
  const asked = askedSize(claim);
  const selector = claim.spec.selector ? selectorFromObject(claim.spec.selector) : undefined;
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    const promised = isPromisedTo(volume, claim);
    if (volume.spec.claimRef ? !promised : promisedOnly) continue;
    if (volume.metadata.deletionTimestamp || sizeOfVolume(volume).cmp(asked) < 0) continue;
    if (!sameMode(claim, volume) || !sameAttributes(claim, volume) || !hasModes(claim, volume))
      continue;
    const free =
      volume.status?.phase === 'Available' &&
      classOfVolume(volume) === classOfClaim(claim) &&
      (!selector || selector.matches(volume.metadata.labels ?? {}));
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
