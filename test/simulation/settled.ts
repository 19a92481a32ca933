import type {
  DaemonSet,
  Deployment,
  StatefulSet,
} from '../../internal/api/generated/types/apps-v1.ts';
import type { Job } from '../../internal/api/generated/types/batch-v1.ts';
import type { Node, Pod } from '../../internal/api/generated/types/core-v1.ts';
import { keyOf, type ResourceRef } from '../../internal/api/object.ts';
import { refs } from '../../internal/client/refs.ts';
import type { Cluster } from './cluster.ts';
import { podOf } from './containerd.ts';
import type { NodeMachine } from './machine.ts';

export const isReady = ({ metadata, status }: Pod): boolean =>
  !metadata.deletionTimestamp &&
  (status.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

const isOver = ({ status }: Pod): boolean => /^(Succeeded|Failed)$/.test(status.phase ?? '');

/** What is not as it should be once nothing disturbs it any more, in words. Empty = all is well. */
export async function unsettled(cluster: Cluster): Promise<string[]> {
  if (!cluster.server) return ['the server does not serve'];
  const pods = cluster.store<Pod>(refs.pods);
  const found = [...workloads(cluster), ...nodesOf(cluster), ...owners(cluster, pods)];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp) found.push(`pod ${keyOf(pod)} does not go`);
    else if (!isOver(pod) && !isReady(pod)) found.push(`pod ${keyOf(pod)} is not ready`);
  }
  for (const machine of cluster.machines.values()) found.push(...(await machineOf(machine, pods)));
  return found;
}

function workloads(cluster: Cluster): string[] {
  const found: string[] = [];
  const counts = (
    what: string,
    object: object,
    wanted: number,
    have: (number | undefined)[],
  ): void => {
    if (have.some((n) => (n ?? 0) !== wanted))
      found.push(`${what} ${keyOf(object as never)} wants ${wanted} and has ${have.join(', ')}`);
  };
  for (const d of cluster.store<Deployment>(refs.deployments)) {
    const { replicas, readyReplicas, updatedReplicas } = d.status;
    counts('Deployment', d, d.spec.replicas ?? 1, [replicas, readyReplicas, updatedReplicas]);
  }
  for (const s of cluster.store<StatefulSet>(refs.statefulSets)) {
    const { replicas, readyReplicas, updateRevision, currentRevision } = s.status;
    counts('StatefulSet', s, s.spec.replicas ?? 1, [replicas, readyReplicas]);
    if (updateRevision !== currentRevision) found.push(`StatefulSet ${keyOf(s)} is not rolled`);
  }
  const nodes = cluster.store<Node>(refs.nodes).length;
  for (const d of cluster.store<DaemonSet>(refs.daemonSets)) {
    const { numberReady, updatedNumberScheduled, desiredNumberScheduled } = d.status;
    counts('DaemonSet', d, nodes, [numberReady, updatedNumberScheduled, desiredNumberScheduled]);
  }
  for (const j of cluster.store<Job>(refs.jobs))
    if (!j.status.conditions?.some((c) => /^(Complete|Failed)$/.test(c.type)))
      found.push(`Job ${keyOf(j)} does not end`);
  return found;
}

function nodesOf(cluster: Cluster): string[] {
  const found: string[] = [];
  const nodes = cluster.store<Node>(refs.nodes);
  for (const { metadata, spec, status } of nodes) {
    const ready = status.conditions?.find((c) => c.type === 'Ready')?.status;
    if (ready !== 'True') found.push(`node ${metadata.name} is ${ready}`);
    if (spec.taints?.length) found.push(`node ${metadata.name} is tainted`);
    if (spec.unschedulable) found.push(`node ${metadata.name} is cordoned`);
  }
  const cidrs = new Set(nodes.map((n) => n.spec.podCIDR));
  if (cidrs.size < nodes.length) found.push('two nodes have one network');
  return found;
}

/** Nothing outlives its owner. */
function owners(cluster: Cluster, pods: Pod[]): string[] {
  const kinds: ResourceRef[] = [refs.replicaSets, refs.deployments, refs.statefulSets];
  const all = [...kinds, refs.daemonSets, refs.jobs].flatMap((ref) => cluster.store<Pod>(ref));
  const uids = new Set(all.map((o) => o.metadata.uid));
  return [...pods, ...cluster.store<Pod>(refs.replicaSets)].flatMap(({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter((owner) => owner.controller && !uids.has(owner.uid))
      .map((owner) => `${metadata.name} outlives its ${owner.kind} ${owner.name}`),
  );
}

/** The machine holds what its pods need, and nothing besides. */
async function machineOf(machine: NodeMachine, pods: Pod[]): Promise<string[]> {
  if (!machine.powered) return [];
  const found: string[] = [];
  const { runtime, name, mounts } = machine;
  const mine = new Map(
    pods.filter((p) => p.spec.nodeName === name).map((p) => [p.metadata.uid ?? '', p]),
  );
  for (const sandbox of runtime.sandboxes) {
    const { uid, name: of } = podOf(sandbox);
    if (!mine.has(uid)) found.push(`${name} holds a sandbox of ${of}, which is not a pod of it`);
  }
  const wanted = [...mine.values()].filter((p) => !isOver(p));
  for (const pod of wanted) {
    const sandboxes = runtime.sandboxes.filter((s) => s.ready && podOf(s).uid === pod.metadata.uid);
    if (sandboxes.length !== 1) found.push(`${keyOf(pod)} has ${sandboxes.length} sandboxes`);
    const running = runtime.running().filter((c) => c.sandbox === sandboxes[0]?.id);
    if (running.length !== pod.spec.containers.length)
      found.push(`${keyOf(pod)} has ${running.length} containers`);
    if (pod.status.podIP !== sandboxes[0]?.ip)
      found.push(`${keyOf(pod)} shows ${pod.status.podIP} and has ${sandboxes[0]?.ip}`);
  }
  if (runtime.addresses.size !== wanted.length)
    found.push(`${name} has given out ${runtime.addresses.size} addresses to ${wanted.length}`);
  for (const { path } of mounts.table) {
    const uid = /\/pods\/([^/]+)\//.exec(path)?.[1];
    if (uid !== undefined && !mine.has(uid)) found.push(`${name} has mounted ${path}`);
  }
  for (const uid of await machine.files.disk.list('check', '/var/lib/skiff/agent/pods'))
    if (!mine.has(uid)) found.push(`${name} has files of ${uid}`);
  return found;
}
