import type { Node, Pod } from '../api/generated/types/core-v1.ts';
import { isTerminal } from '../api/scheduling/pod-resources.ts';
import type { Change, Mirror } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { Cache } from './cache/cache.ts';
import { podInfo, type PodInfo } from './cache/pod-info.ts';
import { action, nodeActions, podActions, type Resource } from './framework/events.ts';
import type { Listers } from './framework/handle.ts';
import type { Profile } from './framework/profile.ts';
import type { SchedulingQueue } from './queue/scheduling-queue.ts';

/** Everything the scheduler follows. */
export interface Mirrored extends Listers {
  pods: Mirror<Pod>;
  nodes: Mirror<Node>;
}

type All = { [K in keyof (Listers & { nodes: unknown })]: Mirror<object> };

export function mirrorAll(mirrors: Mirrors): { listers: Mirrored; all: Mirror<object>[] } {
  const made: All = {
    pods: mirrors.of(refs.pods),
    nodes: mirrors.of(refs.nodes),
    namespaces: mirrors.of(refs.namespaces),
    services: mirrors.of(refs.services),
    replicationControllers: mirrors.of(refs.replicationControllers),
    replicaSets: mirrors.of(refs.replicaSets),
    statefulSets: mirrors.of(refs.statefulSets),
    budgets: mirrors.of(refs.podDisruptionBudgets),
    claims: mirrors.of(refs.persistentVolumeClaims),
    volumes: mirrors.of(refs.persistentVolumes),
    storageClasses: mirrors.of(refs.storageClasses),
    csiNodes: mirrors.of(refs.csiNodes),
    csiDrivers: mirrors.of(refs.csiDrivers),
    csiCapacities: mirrors.of(refs.csiStorageCapacities),
    attachments: mirrors.of(refs.volumeAttachments),
    resourceClaims: mirrors.of(refs.resourceClaims),
    resourceSlices: mirrors.of(refs.resourceSlices),
    deviceClasses: mirrors.of(refs.deviceClasses),
  };
  return { listers: made as Mirrored, all: Object.values(made) };
}

/** Kinds whose changes wake pods, and nothing else. */
const followed: readonly (readonly [keyof Listers, Resource])[] = [
  ['claims', 'PersistentVolumeClaim'],
  ['volumes', 'PersistentVolume'],
  ['storageClasses', 'StorageClass'],
  ['csiNodes', 'CSINode'],
  ['csiDrivers', 'CSIDriver'],
  ['csiCapacities', 'CSIStorageCapacity'],
  ['attachments', 'VolumeAttachment'],
  ['resourceClaims', 'ResourceClaim'],
  ['resourceSlices', 'ResourceSlice'],
  ['deviceClasses', 'DeviceClass'],
];

export interface Follower {
  cache: Cache;
  queue: SchedulingQueue;
  /** The profile of a pod that is ours to schedule. */
  profileOf(pod: Pod): Profile | undefined;
  /** A pod that is being bound went away, or is going. */
  leaves(pod: Pod): void;
}

/** Brings what happens in the cluster to the cache and the queue. Returns how to stop. */
export function followCluster(listers: Mirrored, follower: Follower): (() => void)[] {
  const { queue } = follower;
  return [
    listers.nodes.onChange((change) => nodeChanged(change, follower)),
    listers.pods.onChange((change) => podChanged(change, follower)),
    ...followed.map(([lister, resource]) =>
      (listers[lister] as Mirror<object>).onChange(({ type, object, old }) => {
        if (type === 'DELETED') queue.happened({ resource, actions: action.delete, old: object });
        else if (type === 'ADDED') queue.happened({ resource, actions: action.add, now: object });
        else
          queue.happened({
            resource,
            actions: action.updateOther,
            now: object,
            ...(old && { old }),
          });
      }),
    ),
  ];
}

function nodeChanged({ type, key, object, old }: Change<Node>, { cache, queue }: Follower): void {
  if (type === 'DELETED') {
    cache.removeNode(key);
    queue.happened({ resource: 'Node', actions: action.delete, old: object });
  } else if (!old) {
    cache.setNode(object);
    queue.happened({ resource: 'Node', actions: action.add, now: object });
  } else {
    const actions = nodeActions(old, object);
    // A heartbeat changes nothing that scheduling looks at.
    if (actions !== 0 || imagesChanged(old, object) || cordoned(old, object)) cache.setNode(object);
    if (actions !== 0) queue.happened({ resource: 'Node', actions, old, now: object });
  }
}

const cordoned = (old: Node, now: Node): boolean =>
  old.spec.unschedulable !== now.spec.unschedulable;

const imagesChanged = ({ status: old }: Node, { status: now }: Node): boolean =>
  old.images !== now.images && JSON.stringify(old.images) !== JSON.stringify(now.images);

function podChanged(change: Change<Pod>, follower: Follower): void {
  const { object: pod, old, type } = change;
  const { cache } = follower;
  const gone = type === 'DELETED' || isTerminal(pod);
  if (gone || pod.metadata.deletionTimestamp) follower.leaves(pod);
  if (gone) return podGone(change, follower);
  if (!pod.spec.nodeName) return waitingPod(pod, follower);
  const before = old?.spec.nodeName ? old : undefined;
  if (before && sameForScheduling(before, pod)) return;
  cache.setPod(pod);
  follower.queue.remove(change.key);
  follower.queue.happened({
    resource: 'Pod',
    actions: before ? podActions(before, pod) : action.add,
    ...(before && { old: before }),
    now: pod,
  });
}

function podGone({ object: pod, old, key }: Change<Pod>, { cache, queue }: Follower): void {
  const uid = pod.metadata.uid ?? '';
  const known = old && !isTerminal(old);
  const nominated = cache.nominatedNode(uid);
  cache.removePod(uid);
  queue.remove(key);
  if (!known) return;
  // A nominated pod kept room on its node: its going frees it as a bound pod's does.
  const last =
    nominated && !pod.spec.nodeName ? { ...pod, spec: { ...pod.spec, nodeName: nominated } } : pod;
  queue.happened({ resource: 'Pod', actions: action.delete, old: last });
}

function waitingPod(pod: Pod, { cache, queue, profileOf }: Follower): void {
  const info: PodInfo = podInfo(pod);
  const profile = profileOf(pod);
  if (!profile || pod.metadata.deletionTimestamp) {
    cache.unnominate(info.uid);
    return queue.remove(info.key);
  }
  if (cache.isAssumed(info.uid)) return;
  const nominated = pod.status?.nominatedNodeName;
  // After a restart, or when somebody else set it, the API server knows of it first.
  if (nominated && !cache.nominatedNode(info.uid)) cache.nominate(info, nominated);
  queue.add(info, profile);
}

/** Status changes of a running pod are many, and few of them matter here. */
function sameForScheduling(old: Pod, now: Pod): boolean {
  return (
    old.metadata.generation === now.metadata.generation &&
    old.metadata.deletionTimestamp === now.metadata.deletionTimestamp &&
    JSON.stringify(old.metadata.labels) === JSON.stringify(now.metadata.labels) &&
    JSON.stringify(resources(old)) === JSON.stringify(resources(now))
  );
}

const resources = ({ status }: Pod): unknown =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((c) => [
    c.allocatedResources,
    c.resources,
  ]);
