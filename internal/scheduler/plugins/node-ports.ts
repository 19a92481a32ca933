import type { Pod } from '../../api/generated/types/core-v1.ts';
import { podInfo, type HostPort } from '../cache/pod-info.ts';
import { action } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unschedulable } from '../framework/status.ts';

const name = 'NodePorts';
const refusal = unschedulable(name, "node(s) didn't have free ports for the requested pod ports");

const clash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port &&
  a.protocol === b.protocol &&
  (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');

/** Two pods never hold the same port of a node. */
export const nodePorts = (): Plugin => ({
  name,
  events: () => [
    {
      resource: 'Pod',
      actions: action.delete,
      hint(pod, { old }) {
        const gone = old as Pod;
        if (!gone.spec.nodeName) return false;
        const freed = podInfo(gone).hostPorts;
        return podInfo(pod).hostPorts.some((p) => freed.some((f) => clash(p, f)));
      },
    },
    { resource: 'Node', actions: action.add },
  ],
  preFilter: (_state, pod) => (pod.hostPorts.length === 0 ? skip : undefined),
  filter: (_state, pod, node) =>
    pod.hostPorts.some((port) => node.portTaken(port)) ? refusal : undefined,
});
