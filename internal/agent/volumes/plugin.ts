import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import type { Client } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { CsiVolumes } from '../csi/csi-volumes.ts';
import type { DownwardFacts } from '../env/downward.ts';
import type { MountedVolume } from './container-mounts.ts';
import type { PodVolume, VolumeDoors } from './pod-volume.ts';
import type { Reference, References } from './references.ts';

export type { PodVolume, VolumeDoors } from './pod-volume.ts';

/** What plug-ins are made with. */
export interface PluginContext {
  /** `<data-dir>/agent/pods`. */
  podsDir: string;
  /** Where the one tmpfs for secrets and tokens is mounted. */
  secretsDir: string;
  client: Client;
  references: Pick<References, 'configMap' | 'secret'>;
  clock: Clock;
  log: Log;
  doors: VolumeDoors;
  /** Addresses and allocatable resources, for the downward API. */
  facts(pod: Pod): DownwardFacts;
  /** Volumes of drivers; they are refused without it. */
  csi?: CsiVolumes;
  /** Shows images; volumes of type image are refused without it. */
  images?: ImageMounts;
}

/** Shows the files of images at folders of the host. */
export interface ImageMounts {
  /** Pulls the image as its policy says, and mounts its files at `dir`, read-only. */
  mount(pod: Pod, volume: Volume, dir: string): Promise<void>;
  /** Lets go of what stands behind the mount. Nothing there is no error. */
  forget(dir: string): Promise<void>;
}

export interface SetUpOptions {
  /** The API server cannot be asked: what only it could tell may stay empty for now. */
  offline: boolean;
  /** The pod's containers use the volume already. */
  adopted: boolean;
}

/** What a volume takes of the node's own disk. */
export interface LocalUsage {
  /** A Kubernetes quantity: with more than this the pod is evicted; undefined = no limit. */
  limit: string | undefined;
}

/** One type of volume (the kubelet's volume plug-ins). */
export interface VolumePlugin {
  /** The field of a Volume that is this plug-in's. */
  readonly name: string;
  supports(volume: Volume): boolean;
  /** Makes the volume stand; what stands already is left alone. Throws the text of an event. */
  setUp(of: PodVolume, options: SetUpOptions): Promise<MountedVolume>;
  /** An object that it shows has changed, or a token is old: writes what differs. */
  refresh(of: PodVolume, mounted: MountedVolume): Promise<void>;
  /**
   * Gives back what it holds for a pod besides mounts and files below the pod's folders, which go
   * next. Also for pods of an earlier life.
   */
  tearDown(uid: string): Promise<void>;
  /** The ConfigMaps and Secrets of the pod's namespace whose changes show in the volume. */
  references(volume: Volume): Omit<Reference, 'namespace'>[];
  /** Undefined when its files are not the pod's use of the node's disk. */
  usage(volume: Volume): LocalUsage | undefined;
}

/** What most plug-ins have nothing to do for. */
export const plain: Pick<VolumePlugin, 'refresh' | 'tearDown' | 'references' | 'usage'> = {
  refresh: () => Promise.resolve(),
  tearDown: () => Promise.resolve(),
  references: () => [],
  usage: () => undefined,
};

/** `<data-dir>/agent/pods/<uid>/volumes/kubernetes.io~<kind>/<name>`, as with the kubelet. */
export function volumeDir(podsDir: string, uid: string, kind: string, name: string): string {
  return `${podsDir}/${uid}/volumes/kubernetes.io~${kind}/${name}`;
}
