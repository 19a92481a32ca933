import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'node-controller';
/** cloud-provider's TaintExternalCloudProvider: such a node waits for its cloud. */
export const uninitialized = 'node.cloudprovider.kubernetes.io/uninitialized';

/**
 * In the place of a cloud controller manager where there is no cloud: a node that waits for one has
 * its addresses already and is taken as it is. `--disable-cloud-controller` leaves it to another's.
 */
export function startCloudNodeController(ctx: ControllerContext): Controller {
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  return startPlanned<Node>(
    ctx,
    {
      name,
      title: 'cloud-node',
      mirrors: [{ ref: refs.nodes, mirror: nodes }],
      view: (key) => nodes.get(key),
      plan: planNode,
    },
    (queue) => {
      nodes.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

function planNode(node: Node): Plan {
  const { taints = [], providerID } = node.spec ?? {};
  if (!taints.some(({ key }) => key === uninitialized)) return nothing;
  const { name: nodeName, resourceVersion } = node.metadata;
  // The whole list is written: a taint that is added meanwhile must not get lost.
  const body = {
    metadata: { resourceVersion },
    spec: {
      taints: taints.filter(({ key }) => key !== uninitialized),
      ...(providerID ? {} : { providerID: `skiff://${nodeName}` }),
    },
  };
  const patch = { type: 'merge' as const, body };
  return { steps: [{ verb: 'patch', ref: refs.nodes, object: node, patch }] };
}
