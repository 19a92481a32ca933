import type { Node, Pod, Toleration } from '../../api/generated/types/core-v1.ts';
import type { AdmissionPlugin } from './chain.ts';
import { on, onPodCreate } from './on.ts';

const waitSeconds = 300;
const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods stay five minutes on a node that is gone, unless they say otherwise (plugin DefaultTolerationSeconds). */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (attributes) => onPodCreate(attributes) || on('', 'pods', ['UPDATE'])(attributes),
  admit({ object }) {
    const pod = object as unknown as Pod;
    const tolerations: Toleration[] = pod.spec.tolerations ?? [];
    const missing = keys.filter((key) => !tolerations.some((one) => (!one.key || one.key === key) && (!one.effect || one.effect === 'NoExecute')));
    if (missing.length === 0) return;
    pod.spec.tolerations = [...tolerations, ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: waitSeconds }) as Toleration)];
  },
};

/** A new node takes no pods until it is known to be ready (plugin TaintNodesByCondition). */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: on('', 'nodes', ['CREATE']),
  admit({ object }) {
    const node = object as unknown as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => taint.key === 'node.kubernetes.io/not-ready' && taint.effect === 'NoSchedule')) return;
    node.spec = { ...node.spec, taints: [...taints, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] } as Node['spec'];
  },
};
