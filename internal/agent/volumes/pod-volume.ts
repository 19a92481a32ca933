import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import type { Disk } from '../../io/disk.ts';
import type { Mounts } from '../../io/mounts.ts';
import type { Tree } from '../../io/tree.ts';
import type { TokenSource } from './plugins/service-account-token.ts';

export interface VolumeDoors {
  disk: Disk;
  tree: Tree;
  mounts: Mounts;
}

/** One volume of one pod. */
export interface PodVolume {
  pod: Pod;
  volume: Volume;
  /** The service account tokens of the pod. */
  tokens: TokenSource;
  /** Its content could not be had and stays as it is: `refresh` is to be called again later. */
  stale(): void;
}
