import { statfs, type FilesystemRoom } from '../../io/filesystem.ts';

/** A claim of a pod whose volume is set up on this node. */
export interface StandingClaim {
  uid: string;
  /** The volume's name in the pod. */
  volume: string;
  namespace: string;
  claim: string;
  path: string;
  room?: (() => Promise<FilesystemRoom | undefined>) | undefined;
}

/** The room of a claim's file system, as the kubelet tells it; a local folder shares its disk's. */
export interface VolumeUsage extends Omit<StandingClaim, 'room'> {
  at: string;
  availableBytes: number;
  capacityBytes: number;
  inodes: number;
  inodesFree: number;
}

/** One that cannot be asked (its disk is gone) is left out. */
export async function volumeUsage(claims: StandingClaim[], nowMs: number): Promise<VolumeUsage[]> {
  const at = new Date(nowMs).toISOString();
  const found = await Promise.all(
    claims.map(async ({ room: ask, ...claim }) => {
      const asked = ask ? ask() : statfs('stats.volume', claim.path);
      const room = await asked.catch(() => undefined);
      return room ? [{ ...claim, at, ...room }] : [];
    }),
  );
  return found.flat();
}
