import type { Node, PersistentVolume } from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { own } from '../../base/own.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action } from '../framework/events.ts';
import type { Listers } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable, type Status } from '../framework/status.ts';
import { isClaimOf } from './volume-claims.ts';

const name = 'VolumeZone';
const refusal = unresolvable(name, 'node(s) had no available volume zone');

const stable = new Map([
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
]);
const topologyLabels = [...stable.keys(), ...stable.values()];

/** A label of a volume that the node must share; several zones are written `a__b`. */
interface Topology {
  key: string;
  values: ReadonlySet<string>;
}

const key = new StateKey<{ topologies: readonly Topology[] }>(`PreFilter${name}`);

function topologiesOf({ metadata }: PersistentVolume): Topology[] {
  return topologyLabels.flatMap((label): Topology[] => {
    const value = own(metadata.labels, label);
    const values = value?.split('__').map((v) => v.trim()) ?? [];
    return value === undefined || values.includes('')
      ? []
      : [{ key: label, values: new Set(values) }];
  });
}

function topologiesFor(pod: PodInfo, listers: Listers): Topology[] | Status {
  const found: Topology[] = [];
  for (const { name: claimName, ephemeral } of pod.claims) {
    if (ephemeral) continue;
    const claim = listers.claims.get(`${pod.namespace}/${claimName}`);
    if (!claim) return unresolvable(name, `persistentvolumeclaim "${claimName}" not found`);
    const { volumeName, storageClassName } = claim.spec;
    if (volumeName) {
      const volume = listers.volumes.get(volumeName);
      if (!volume) return unresolvable(name, `persistentvolume "${volumeName}" not found`);
      found.push(...topologiesOf(volume));
      continue;
    }
    if (!storageClassName)
      return unresolvable(name, 'PersistentVolumeClaim had no pv name and storageClass name');
    const storageClass = listers.storageClasses.get(storageClassName);
    if (!storageClass)
      return unresolvable(name, `storageclass.storage.k8s.io "${storageClassName}" not found`);
    if (storageClass.volumeBindingMode !== 'WaitForFirstConsumer')
      return unresolvable(name, 'PersistentVolume had no name');
  }
  return found;
}

const waits = (storageClass: object | undefined): boolean =>
  (storageClass as StorageClass | undefined)?.volumeBindingMode === 'WaitForFirstConsumer';

/** Volumes with zone labels are used in their zone. */
export const volumeZone = ({ listers }: { listers: Listers }): Plugin => ({
  name,
  events: () => [
    { resource: 'StorageClass', actions: action.add, hint: (_pod, { now }) => waits(now) },
    { resource: 'Node', actions: action.add | action.updateNodeLabel },
    {
      resource: 'PersistentVolumeClaim',
      actions: action.add | action.update,
      hint: (pod, { now }) => isClaimOf(podInfo(pod), now as object),
    },
    {
      resource: 'PersistentVolume',
      actions: action.add | action.update,
      hint(_pod, { old, now }) {
        const text = (pv: object): string =>
          JSON.stringify(topologiesOf(pv as PersistentVolume).map((t) => [t.key, ...t.values]));
        return !old || text(old) !== text(now as object);
      },
    },
  ],
  preFilter(state, pod) {
    if (pod.claims.length === 0) return skip;
    const found = topologiesFor(pod, listers);
    if (!Array.isArray(found)) return found;
    if (found.length === 0) return skip;
    state.write(key, { topologies: found });
    return undefined;
  },
  filter(state, _pod, { node }) {
    const { labels } = (node as Node).metadata;
    if (topologyLabels.every((label) => own(labels, label) === undefined)) return undefined;
    for (const topology of state.read(key)?.topologies ?? []) {
      const value =
        own(labels, topology.key) ?? own(labels, stable.get(topology.key) ?? topology.key);
      if (value === undefined || !topology.values.has(value)) return refusal;
    }
    return undefined;
  },
});
