import type { Node, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import type { CSIStorageCapacity, StorageClass } from '../../api/generated/types/storage-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { podInfo } from '../cache/pod-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action, type EventWithHint } from '../framework/events.ts';
import type { Handle, Listers } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { failed, skip, unresolvable, type Status } from '../framework/status.ts';
import { VolumeBinder, selectedNode, type PodVolumes } from './volume-binder.ts';
import { claimsFor, isClaimOf } from './volume-claims.ts';
import { canProvision, isBound, volumeFor } from './volume-matching.ts';

const name = 'VolumeBinding';
const reasons = {
  node: "node(s) didn't match PersistentVolume's node affinity",
  bind: "node(s) didn't find available persistent volumes to bind",
  space: 'node(s) did not have enough free storage',
  gone: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
};

interface BindingState {
  bound: readonly PersistentVolumeClaim[];
  unbound: readonly PersistentVolumeClaim[];
  /** What would be bound and made on each node that passed. */
  byNode: Map<string, PodVolumes>;
}

const key = new StateKey<BindingState>(name);

export interface VolumeBindingArgs {
  bindTimeoutMs: number;
}

/**
 * Bound volumes must be reached from the node; a claim that waits for its first consumer needs a
 * volume there, or somebody who makes one. The pod is bound when its claims are.
 */
export function volumeBinding({ bindTimeoutMs }: VolumeBindingArgs, handle: Handle): Plugin {
  const { listers } = handle;
  const binder = new VolumeBinder(handle, bindTimeoutMs);
  return {
    name,
    events: volumeEvents,
    preFilter(state, pod) {
      if (pod.claims.length === 0) return skip;
      const claims = claimsFor(pod, listers.claims);
      if (typeof claims === 'string') return unresolvable(name, claims);
      const bound = claims.filter(isBound);
      const unbound = claims.filter((claim) => !isBound(claim));
      const immediate = unbound.some(
        ({ spec }) =>
          spec.volumeName ||
          listers.storageClasses.get(spec.storageClassName ?? '')?.volumeBindingMode !==
            'WaitForFirstConsumer',
      );
      if (immediate) return unresolvable(name, 'pod has unbound immediate PersistentVolumeClaims');
      // The smallest first: the smallest volume that fits is theirs.
      unbound.sort((a, b) => Number(sizeOf(a) - sizeOf(b)));
      state.write(key, { bound, unbound, byNode: new Map() });
      return undefined;
    },
    filter(state, _pod, { node, name: nodeName }) {
      const read = state.read(key);
      if (!read) return undefined;
      const lacking = reachable(read.bound, node, listers);
      const found = bindable(read.unbound, node, { listers, binder });
      if (!lacking && typeof found !== 'string') {
        read.byNode.set(nodeName, found);
        return undefined;
      }
      const all = [lacking, typeof found === 'string' ? found : undefined];
      return unresolvable(name, ...all.filter((r) => r !== undefined));
    },
    reserve(state, pod, node) {
      const volumes = state.read(key)?.byNode.get(node);
      if (volumes) binder.assume(pod, volumes, node);
      return undefined;
    },
    unreserve: (_state, pod) => binder.forget(pod),
    preBindPreFlight(state, _pod, node) {
      const volumes = state.read(key)?.byNode.get(node);
      return volumes && volumes.bindings.length + volumes.provisions.length > 0 ? undefined : skip;
    },
    async preBind(state, pod, nodeName, signal): Promise<Status | undefined> {
      const volumes = state.read(key)?.byNode.get(nodeName);
      if (!volumes) return undefined;
      try {
        await binder.bind(pod, { ...volumes, nodeName, signal });
        return undefined;
      } catch (error) {
        return failed(name, messageOf(error));
      }
    },
    postBind: (_state, pod) => binder.forget(pod),
  };
}

const sizeOf = ({ spec }: PersistentVolumeClaim): bigint =>
  quantityOf(spec.resources?.requests?.['storage']).value();

function reachable(
  claims: readonly PersistentVolumeClaim[],
  node: Node,
  { volumes }: Listers,
): string | undefined {
  for (const { spec } of claims) {
    const volume = volumes.get(spec.volumeName ?? '');
    if (!volume) return reasons.gone;
    const required = volume.spec.nodeAffinity?.required;
    if (required && !matchesNodeSelector(required, node)) return reasons.node;
  }
  return undefined;
}

/** The volume of each claim on this node, or that one is to be made there; otherwise why not. */
function bindable(
  claims: readonly PersistentVolumeClaim[],
  node: Node,
  { listers, binder }: { listers: Listers; binder: VolumeBinder },
): PodVolumes | string {
  const found: PodVolumes = { bindings: [], provisions: [] };
  const chosen = new Set<string>();
  for (const claim of claims) {
    const asked = binder.selectedNode(claim) ?? own(claim.metadata.annotations, selectedNode);
    if (asked !== undefined && asked !== node.metadata.name) return reasons.bind;
    const volume =
      asked === undefined
        ? volumeFor(
            claim,
            node,
            listers.volumes.list(),
            (v) => chosen.has(v) || binder.isTaken(v, claim),
          )
        : undefined;
    if (volume) {
      chosen.add(volume.metadata.name ?? '');
      found.bindings.push({ claim, volume });
      continue;
    }
    const storageClass = listers.storageClasses.get(claim.spec.storageClassName ?? '');
    if (!canProvision(storageClass, node)) return reasons.bind;
    if (!hasSpace(claim, storageClass!, node, listers)) return reasons.space;
    found.provisions.push(claim);
  }
  return found;
}

/** Drivers that publish their free space (KEP-1472) are asked for it; others are trusted. */
function hasSpace(
  claim: PersistentVolumeClaim,
  { provisioner, metadata }: StorageClass,
  node: Node,
  { csiDrivers, csiCapacities }: Listers,
): boolean {
  if (claim.spec.resources?.requests?.['storage'] === undefined) return true;
  if (!csiDrivers.get(provisioner)?.spec.storageCapacity) return true;
  const wanted = sizeOf(claim);
  for (const capacity of csiCapacities.list()) {
    const limit = limitOf(capacity);
    if (
      capacity.storageClassName === metadata.name &&
      limit !== undefined &&
      limit >= wanted &&
      capacity.nodeTopology &&
      selectorFromObject(capacity.nodeTopology).matches(node.metadata.labels)
    )
      return true;
  }
  return false;
}

function limitOf({ maximumVolumeSize, capacity }: CSIStorageCapacity): bigint | undefined {
  const text = maximumVolumeSize ?? capacity;
  return text === undefined ? undefined : quantityOf(text).value();
}

const ofItsClaim = (pod: Pod, now: object | undefined): boolean =>
  isClaimOf(podInfo(pod), now as object);

const volumeEvents = (): EventWithHint[] => [
  {
    resource: 'StorageClass',
    actions: action.add | action.update,
    hint: (_pod, { old, now }) =>
      !old ||
      JSON.stringify((old as StorageClass).allowedTopologies) !==
        JSON.stringify((now as StorageClass).allowedTopologies),
  },
  {
    resource: 'PersistentVolumeClaim',
    actions: action.add | action.update,
    hint: (pod, { now }) => ofItsClaim(pod, now),
  },
  { resource: 'PersistentVolume', actions: action.add | action.update },
  { resource: 'Node', actions: action.add | action.updateNodeLabel },
  { resource: 'CSIDriver', actions: action.update },
  {
    resource: 'CSIStorageCapacity',
    actions: action.add | action.update,
    hint(_pod, { old, now }) {
      const before = old && limitOf(old as CSIStorageCapacity);
      const after = limitOf(now as CSIStorageCapacity);
      return !old || (after !== undefined && (before === undefined || after > before));
    },
  },
];
