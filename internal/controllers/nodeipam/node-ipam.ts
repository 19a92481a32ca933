import { mustCidr } from '../../base/addresses.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { say, type Plan } from '../kit/write.ts';
import { CidrPool } from './cidr.ts';

const name = 'node-controller';
const defaultMaskSize = 24;

/** Gives each node its pod range, once. */
export function startNodeIpamController(ctx: ControllerContext): Controller {
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const pool = new CidrPool(mustCidr(ctx.clusterCidr), ctx.nodeCidrMaskSize ?? defaultMaskSize);
  /** What a node was chosen for and does not show yet. */
  const chosen = new Map<string, string>();
  const choose = (key: string): string | undefined => {
    const cidr = chosen.get(key) ?? pool.allocate();
    if (cidr) chosen.set(key, cidr);
    return cidr;
  };
  /** The node is gone, or has another range: what was chosen for it is free again. */
  const settle = (key: string): void => {
    const cidr = chosen.get(key);
    if (cidr) pool.release(cidr);
    chosen.delete(key);
  };
  return startPlanned<IpamView>(
    ctx,
    {
      name,
      title: 'node-ipam',
      component: 'cidrAllocator',
      mirrors: [{ ref: refs.nodes, mirror: nodes }],
      // One at a time: what one node was given the next must not be.
      concurrency: 1,
      view: (key) => {
        const node = nodes.get(key);
        if (!node || node.metadata.deletionTimestamp || node.spec?.podCIDR) return undefined;
        return { node, cidr: choose(key) };
      },
      plan: planRange,
      forget: settle,
    },
    (queue) => {
      nodes.onChange(({ type, key, object, old }) => {
        const shown = chosen.get(key);
        // From now on the range goes and comes with the node.
        if (shown && object.spec?.podCIDRs?.includes(shown)) chosen.delete(key);
        for (const cidr of object.spec?.podCIDRs ?? []) {
          if (type === 'DELETED') pool.release(cidr);
          else if (!old?.spec?.podCIDRs?.includes(cidr)) pool.occupy(cidr);
        }
        queue.add(key);
        // A range that came back may be what others wait for.
        if (type === 'DELETED')
          for (const n of nodes.list()) if (!n.spec?.podCIDR) queue.add(n.metadata.name!);
      });
    },
  );
}

export interface IpamView {
  /** It has no range yet. */
  node: Node;
  /** Undefined: none is left. */
  cidr: string | undefined;
}

export function planRange({ node, cidr }: IpamView): Plan {
  const { name: key, uid } = node.metadata;
  const message = `Node ${key} status is now: CIDRNotAvailable`;
  if (!cidr) return { steps: [say(node, 'Warning', 'CIDRNotAvailable', message)] };
  const body = { metadata: { uid }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
  const patch = { type: 'merge' as const, body };
  return {
    steps: [
      { verb: 'patch', ref: refs.nodes, object: node, patch, forgives: ['Conflict', 'Invalid'] },
    ],
  };
}
