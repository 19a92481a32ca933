import type {
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ReplicationController,
  Service,
} from '../../api/generated/types/core-v1.ts';
import type { ReplicaSet, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts';
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../api/generated/types/resource-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '../../api/generated/types/storage-v1.ts';
import type { Client, Mirror } from '../../client/client.ts';
import type { SeriesRecorder } from '../../client/events-v1.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import type { Cache } from '../cache/cache.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { CycleState } from './cycle-state.ts';
import type { Status } from './status.ts';

/** The part of a mirror that reading takes. */
export type Lister<T> = Pick<Mirror<T>, 'get' | 'list'>;
export type Followed<T> = Lister<T> & Pick<Mirror<T>, 'onChange'>;

/** What plug-ins may read of the cluster besides the cache. Keys are `namespace/name` or `name`. */
export interface Listers {
  pods: Lister<Pod>;
  namespaces: Lister<Namespace>;
  services: Lister<Service>;
  replicationControllers: Lister<ReplicationController>;
  replicaSets: Lister<ReplicaSet>;
  statefulSets: Lister<StatefulSet>;
  budgets: Lister<PodDisruptionBudget>;
  claims: Followed<PersistentVolumeClaim>;
  volumes: Followed<PersistentVolume>;
  storageClasses: Lister<StorageClass>;
  csiNodes: Lister<CSINode>;
  csiDrivers: Lister<CSIDriver>;
  csiCapacities: Lister<CSIStorageCapacity>;
  attachments: Lister<VolumeAttachment>;
  resourceClaims: Followed<ResourceClaim>;
  resourceSlices: Lister<ResourceSlice>;
  deviceClasses: Lister<DeviceClass>;
}

/** What was chosen for pods that are being bound, before the API server says so. */
export interface Promised {
  /** Volume -> claim (`namespace/name`). */
  readonly volumes: Map<string, string>;
  /** Claim -> node for which its volume is to be made. */
  readonly claims: Map<string, string>;
  /** uid of a ResourceClaim -> its devices. */
  readonly devices: Map<string, { key: string; allocation: AllocationResult; written: boolean }>;
}

/** What the framework does for plug-ins (framework.Handle). */
export interface Handle {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly listers: Listers;
  readonly cache: Cache;
  readonly events: SeriesRecorder;
  readonly promised: Promised;
  /** All filters on a node, with the pods that were promised room there counted in. */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined;
  /** Tells all plug-ins that a trial put a pod on a node, or took it away. */
  addPod(state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo): void;
  removePod(state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo): void;
  /** A pod whose binding has begun; true when it could still be called off. */
  cancelBinding(uid: string, why: string): boolean;
  /** A plug-in lets a pod go that it held back: whatever happened meanwhile counts now. */
  ungate(key: string): void;
  /** Puts a waiting pod into the active queue. */
  activate(key: string): void;
}
