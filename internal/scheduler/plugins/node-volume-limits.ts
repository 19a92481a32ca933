import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import type { CSINode } from '../../api/generated/types/storage-v1.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import { action } from '../framework/events.ts';
import type { Listers } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable, unschedulable, type Status } from '../framework/status.ts';
import { isClaimOf } from './volume-claims.ts';
import { isMadeFor } from './volume-matching.ts';

const name = 'NodeVolumeLimits';
const refusal = unschedulable(name, 'node(s) exceed max volume count');

function limitsOf(node: CSINode | undefined): Map<string, number> {
  const limits = new Map<string, number>();
  for (const { name: driver, allocatable } of node?.spec.drivers ?? [])
    if (allocatable?.count !== undefined) limits.set(driver, allocatable.count);
  return limits;
}

/** `driver/handle` of a claim's volume -> driver; a volume that is still to be made counts too. */
function volumeOf(claim: PersistentVolumeClaim, listers: Listers): [string, string] | undefined {
  const { volumeName, storageClassName } = claim.spec;
  const volume = volumeName ? listers.volumes.get(volumeName) : undefined;
  if (volume) {
    const { csi } = volume.spec;
    return csi ? [`${csi.driver}/${csi.volumeHandle}`, csi.driver] : undefined;
  }
  const driver = listers.storageClasses.get(storageClassName ?? '')?.provisioner;
  if (!driver) return undefined;
  const { namespace, name: claimName } = claim.metadata;
  return [`${driver}/unbound ${namespace}/${claimName}`, driver];
}

/** A node attaches no more volumes of a CSI driver than the driver says it can. */
export function nodeVolumeLimits({ listers }: { listers: Listers }): Plugin {
  const volumesOf = (pod: PodInfo, volumes: Map<string, string>): void => {
    for (const { name: claimName } of pod.claims) {
      const claim = listers.claims.get(`${pod.namespace}/${claimName}`);
      const volume = claim && volumeOf(claim, listers);
      if (volume) volumes.set(...volume);
    }
  };
  return {
    name,
    events: () => [
      { resource: 'CSINode', actions: action.add },
      { resource: 'CSINode', actions: action.update, hint: (_pod, e) => hasGrown(e.old, e.now) },
      {
        resource: 'Pod',
        actions: action.delete,
        hint: (_pod, { old }) =>
          Boolean((old as Pod).spec.nodeName) && podInfo(old as Pod).claims.length > 0,
      },
      {
        resource: 'PersistentVolumeClaim',
        actions: action.add,
        hint: (pod, { now }) => isClaimOf(podInfo(pod), now as object),
      },
      {
        resource: 'VolumeAttachment',
        actions: action.delete,
        hint: (pod) => podInfo(pod).claims.some((c) => !c.ephemeral),
      },
    ],
    preFilter: (_state, pod) => (pod.claims.length === 0 ? skip : undefined),
    filter(_state, pod, node) {
      const refused = lacking(pod, listers);
      if (refused) return refused;
      const limits = limitsOf(listers.csiNodes.get(node.name));
      if (limits.size === 0) return undefined;
      const wanted = new Map<string, string>();
      volumesOf(pod, wanted);
      if (wanted.size === 0) return undefined;
      const attached = attachedTo(node, listers);
      for (const other of node.pods.values()) volumesOf(other, attached);
      return exceeds(limits, wanted, attached) ? refusal : undefined;
    },
  };
}

function lacking({ pod, namespace, claims }: PodInfo, listers: Listers): Status | undefined {
  for (const { name: claimName, ephemeral } of claims) {
    const claim = listers.claims.get(`${namespace}/${claimName}`);
    if (!claim)
      return unresolvable(
        name,
        `looking up PVC ${namespace}/${claimName}: persistentvolumeclaim "${claimName}" not found`,
      );
    if (ephemeral && !isMadeFor(claim, pod))
      return unresolvable(
        name,
        `PVC ${namespace}/${claimName} was not created for pod ` +
          `${namespace}/${pod.metadata.name} (pod is not owner)`,
      );
  }
  return undefined;
}

/** What is attached although no pod of the node that we know of uses it. */
function attachedTo({ name: nodeName }: NodeInfo, listers: Listers): Map<string, string> {
  const attached = new Map<string, string>();
  for (const { spec } of listers.attachments.list()) {
    if (spec.nodeName !== nodeName || !spec.source.persistentVolumeName) continue;
    const csi = listers.volumes.get(spec.source.persistentVolumeName)?.spec.csi;
    if (csi) attached.set(`${spec.attacher}/${csi.volumeHandle}`, spec.attacher);
  }
  return attached;
}

function exceeds(
  limits: Map<string, number>,
  wanted: Map<string, string>,
  attached: Map<string, string>,
): boolean {
  const counts = new Map<string, number>();
  for (const driver of attached.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  const added = new Set<string>();
  for (const [volume, driver] of wanted) {
    if (attached.has(volume)) continue;
    added.add(driver);
    counts.set(driver, (counts.get(driver) ?? 0) + 1);
  }
  return [...added].some((d) => (counts.get(d) ?? 0) > (limits.get(d) ?? Infinity));
}

function hasGrown(old: object | undefined, now: object | undefined): boolean {
  const before = limitsOf(old as CSINode);
  for (const [driver, count] of limitsOf(now as CSINode))
    if (count > (before.get(driver) ?? 0)) return true;
  return false;
}
