import { wantsNode } from '../../api/scheduling/node-affinity.ts';
import { tolerates, untolerated } from '../../api/scheduling/taints.ts';
import { refuse, refuseFinally, type Filter } from '../plugin.ts';

export const nodeName: Filter = {
  name: 'NodeName',
  prepare({ pod }) {
    const wanted = pod.pod.spec.nodeName;
    return wanted
      ? (node) =>
          node.name === wanted
            ? undefined
            : refuseFinally("node(s) didn't match the requested node name")
      : undefined;
  },
};

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  prepare({ pod }) {
    if ((pod.pod.spec.tolerations ?? []).some((t) => tolerates(t, unschedulableTaint)))
      return undefined;
    return (node) =>
      node.node.spec.unschedulable ? refuseFinally('node(s) were unschedulable') : undefined;
  },
};

export const taintToleration: Filter = {
  name: 'TaintToleration',
  prepare({ pod }) {
    return (node) => {
      const taint = untolerated(node.node.spec.taints, pod.pod.spec.tolerations, [
        'NoSchedule',
        'NoExecute',
      ]);
      return taint
        ? refuseFinally(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`)
        : undefined;
    };
  },
};

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  prepare({ pod }) {
    const { nodeSelector, affinity } = pod.pod.spec;
    if (!nodeSelector && !affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution)
      return undefined;
    return (node) =>
      wantsNode(pod.pod.spec, node.node)
        ? undefined
        : refuseFinally("node(s) didn't match Pod's node affinity/selector");
  },
};

export const nodePorts: Filter = {
  name: 'NodePorts',
  prepare({ pod }) {
    if (pod.hostPorts.length === 0) return undefined;
    const clash = (a: { ip: string; protocol: string; port: number }, b: typeof a): boolean =>
      a.port === b.port &&
      a.protocol === b.protocol &&
      (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
    return (node) => {
      for (const other of node.pods.values()) {
        if (other.hostPorts.some((taken) => pod.hostPorts.some((wanted) => clash(taken, wanted)))) {
          return refuse("node(s) didn't have free ports for the requested pod ports");
        }
      }
      return undefined;
    };
  },
};

export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  prepare({ pod }) {
    return (node) => {
      const reasons: string[] = [];
      let final = false;
      if (node.pods.size + 1 > (node.allocatable.get('pods') ?? 0)) reasons.push('Too many pods');
      for (const [name, wanted] of pod.requests) {
        if (wanted === 0) continue;
        const has = node.allocatable.get(name) ?? 0;
        if (wanted > has - (node.requested.get(name) ?? 0)) reasons.push(`Insufficient ${name}`);
        // What the empty node could not hold, no preemption makes room for.
        if (wanted > has) final = true;
      }
      return reasons.length ? { reasons, final } : undefined;
    };
  },
};
