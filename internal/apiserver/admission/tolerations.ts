import type { Node, Pod, Toleration } from '../../api/generated/types/core-v1.ts';
import type { AdmissionPlugin } from './chain.ts';
import { on, onPodCreate } from './on.ts';

const defaultWaitSeconds = 300;
const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/**
 * kube-apiserver's --default-not-ready-toleration-seconds and
 * --default-unreachable-toleration-seconds.
 */
export interface DefaultTolerations {
  notReadySeconds?: number;
  unreachableSeconds?: number;
}

/**
 * Pods stay five minutes on a node that is gone, unless they say otherwise (plugin
 * DefaultTolerationSeconds).
 */
export const defaultTolerationSeconds = (told: DefaultTolerations = {}): AdmissionPlugin => ({
  name: 'DefaultTolerationSeconds',
  handles: (attributes) => onPodCreate(attributes) || on('', 'pods', ['UPDATE'])(attributes),
  admit({ object }) {
    const pod = object as Pod;
    const tolerations: Toleration[] = pod.spec.tolerations ?? [];
    const missing = keys.filter(
      (key) =>
        !tolerations.some(
          (one) => (!one.key || one.key === key) && (!one.effect || one.effect === 'NoExecute'),
        ),
    );
    if (missing.length === 0) return;
    pod.spec.tolerations = [
      ...tolerations,
      ...missing.map(
        (key) =>
          ({
            key,
            operator: 'Exists',
            effect: 'NoExecute',
            tolerationSeconds:
              (key === keys[0] ? told.notReadySeconds : told.unreachableSeconds) ??
              defaultWaitSeconds,
          }) as Toleration,
      ),
    ];
  },
});

/** A new node takes no pods until it is known to be ready (plugin TaintNodesByCondition). */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: on('', 'nodes', ['CREATE']),
  admit({ object }) {
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    if (
      taints.some(
        (taint) => taint.key === 'node.kubernetes.io/not-ready' && taint.effect === 'NoSchedule',
      )
    )
      return;
    node.spec = {
      ...node.spec,
      taints: [...taints, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }],
    } as Node['spec'];
  },
};
