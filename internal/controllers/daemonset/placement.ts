import { own } from '../../base/own.ts';
import type { DaemonSet } from '../../api/generated/types/apps-v1.ts';
import type { Affinity, Node, Pod, Toleration } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { untolerated } from '../../api/scheduling/taints.ts';
import { podFromTemplate } from '../pod-control.ts';

export const revisionLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

const exists = (key: string, effect: string): Toleration => ({ key, operator: 'Exists', effect });
const alwaysTolerated: Toleration[] = [
  exists('node.kubernetes.io/not-ready', 'NoExecute'),
  exists('node.kubernetes.io/unreachable', 'NoExecute'),
  exists('node.kubernetes.io/disk-pressure', 'NoSchedule'),
  exists('node.kubernetes.io/memory-pressure', 'NoSchedule'),
  exists('node.kubernetes.io/pid-pressure', 'NoSchedule'),
  exists('node.kubernetes.io/unschedulable', 'NoSchedule'),
];

/** Daemons stay on a node in trouble: they are what may help it. */
function tolerationsOf(ds: DaemonSet): Toleration[] {
  const spec = ds.spec.template.spec;
  const wanted = spec.hostNetwork
    ? [...alwaysTolerated, exists('node.kubernetes.io/network-unavailable', 'NoSchedule')]
    : alwaysTolerated;
  const own = (spec.tolerations ?? []).filter(
    (t) =>
      !wanted.some(
        (w) =>
          w.key === t.key &&
          w.effect === t.effect &&
          (w.operator ?? 'Equal') === (t.operator ?? 'Equal') &&
          !t.value,
      ),
  );
  return [...own, ...wanted];
}

/** Whether the node should have the daemon, and whether one that is there may stay. */
export function placement(ds: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const { nodeName, nodeSelector, affinity } = ds.spec.template.spec;
  if (nodeName && nodeName !== node.metadata.name) return { run: false, stay: false };
  for (const [key, value] of Object.entries(nodeSelector ?? {}))
    if (own(node.metadata.labels, key) !== value) return { run: false, stay: false };
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required && !matchesNodeSelector(required, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(ds);
  const taints = node.spec?.taints;
  if (untolerated(taints, tolerations, ['NoSchedule', 'NoExecute']))
    return { run: false, stay: !untolerated(taints, tolerations, ['NoExecute']) };
  return { run: true, stay: true };
}

/** A daemon pod for one node: bound to it by affinity, so that the scheduler still has its say. */
export function podOf(ds: DaemonSet, node: string, hash: string): Omit<Pod, 'status'> {
  const pod = podFromTemplate(ds.spec.template, { ref: refs.daemonSets, object: ds });
  const generation = ds.metadata.annotations?.[generationAnnotation];
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [revisionLabel]: hash,
    ...(generation ? { [generationLabel]: generation } : {}),
  };
  pod.spec = {
    ...pod.spec,
    affinity: boundTo(pod.spec.affinity, node),
    tolerations: tolerationsOf(ds),
  };
  return pod;
}

function boundTo(affinity: Affinity | undefined, node: string): Affinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const required = { nodeSelectorTerms: [{ matchFields }] };
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: required,
    },
  };
}

/** The node a daemon pod is bound to or meant for. */
export function nodeOf(pod: Pod): string {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      ?.nodeSelectorTerms ?? [];
  return (
    terms
      .flatMap((t) => t.matchFields ?? [])
      .find((f) => f.key === 'metadata.name' && f.operator === 'In')?.values?.[0] ?? ''
  );
}
