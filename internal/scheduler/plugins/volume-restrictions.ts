import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action } from '../framework/events.ts';
import type { Handle } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable, unschedulable } from '../framework/status.ts';
import { isClaimOf } from './volume-claims.ts';

const name = 'VolumeRestrictions';
const diskConflict = unschedulable(name, 'node(s) had no available disk');
const inUse = unschedulable(
  name,
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already ' +
    'in-use by another pod',
);

interface RestrictionState {
  /** Claims of the pod that only one pod of the cluster may use. */
  alone: ReadonlySet<string>;
  /** How often pods with a node use them. */
  conflicts: number;
  clone(): RestrictionState;
}

const stateOf = (alone: ReadonlySet<string>, conflicts: number): RestrictionState => ({
  alone,
  conflicts,
  clone() {
    return stateOf(alone, this.conflicts);
  },
});

const key = new StateKey<RestrictionState>(`PreFilter${name}`);

const restricted = (v: Volume): boolean =>
  Boolean(v.gcePersistentDisk ?? v.awsElasticBlockStore ?? v.rbd ?? v.iscsi);

/** Disks that cannot be mounted twice at once, unless all only read. */
function clash(a: Volume, b: Volume): boolean {
  const writes = (x?: { readOnly?: boolean }, y?: { readOnly?: boolean }): boolean =>
    !(x?.readOnly && y?.readOnly);
  const { gcePersistentDisk: gceA, awsElasticBlockStore: awsA, iscsi: iscsiA, rbd: rbdA } = a;
  const { gcePersistentDisk: gceB, awsElasticBlockStore: awsB, iscsi: iscsiB, rbd: rbdB } = b;
  if (gceA && gceB && gceA.pdName === gceB.pdName && writes(gceA, gceB)) return true;
  if (awsA && awsB && awsA.volumeID === awsB.volumeID) return true;
  if (iscsiA && iscsiB && iscsiA.iqn === iscsiB.iqn && writes(iscsiA, iscsiB)) return true;
  return Boolean(
    rbdA &&
    rbdB &&
    rbdA.monitors.some((m) => rbdB.monitors.includes(m)) &&
    (rbdA.pool ?? 'rbd') === (rbdB.pool ?? 'rbd') &&
    rbdA.image === rbdB.image &&
    writes(rbdA, rbdB),
  );
}

const clashes = (pod: Pod, other: Pod): boolean =>
  (pod.spec.volumes ?? []).some(
    (v) => restricted(v) && (other.spec.volumes ?? []).some((o) => clash(v, o)),
  );

const uses = (alone: ReadonlySet<string>, incoming: PodInfo, other: PodInfo): number =>
  other.namespace === incoming.namespace
    ? other.claims.filter((c) => !c.ephemeral && alone.has(c.name)).length
    : 0;

/** ReadWriteOncePod claims belong to one pod, and some disks to one node's writer. */
export function volumeRestrictions({ listers, cache }: Handle): Plugin {
  const onNode = (pod: PodInfo, node: NodeInfo): boolean => {
    for (const other of node.pods.values()) if (clashes(pod.pod, other.pod)) return true;
    return false;
  };
  return {
    name,
    events: () => [
      {
        resource: 'Pod',
        actions: action.delete,
        hint(pod, { old }) {
          const [waiting, gone] = [podInfo(pod), podInfo(old as Pod)];
          if (waiting.namespace !== gone.namespace) return false;
          return (
            clashes(pod, gone.pod) ||
            waiting.claims.some((c) => gone.claims.some((g) => g.name === c.name))
          );
        },
      },
      { resource: 'Node', actions: action.add },
      {
        resource: 'PersistentVolumeClaim',
        actions: action.add,
        hint: (pod, { now }) => isClaimOf(podInfo(pod), now as object),
      },
    ],
    preFilter(state, pod) {
      const alone = new Set<string>();
      for (const { name: claimName, ephemeral } of pod.claims) {
        if (ephemeral) continue;
        const claim = listers.claims.get(`${pod.namespace}/${claimName}`);
        if (!claim) return unresolvable(name, `persistentvolumeclaim "${claimName}" not found`);
        if (claim.spec.accessModes?.includes('ReadWriteOncePod')) alone.add(claimName);
      }
      const conflicts = [...alone].filter((c) => cache.claimInUse(pod.namespace, c)).length;
      if (conflicts === 0 && !(pod.pod.spec.volumes ?? []).some(restricted)) return skip;
      state.write(key, stateOf(alone, conflicts));
      return undefined;
    },
    addPod(state, pod, added) {
      const read = state.read(key);
      if (read) read.conflicts += uses(read.alone, pod, added);
    },
    removePod(state, pod, removed) {
      const read = state.read(key);
      if (read) read.conflicts -= uses(read.alone, pod, removed);
    },
    filter(state, pod, node) {
      if (onNode(pod, node)) return diskConflict;
      return (state.read(key)?.conflicts ?? 0) > 0 ? inUse : undefined;
    },
  };
}
