import { familyOf, mustCidr, type Family } from '../../base/addresses.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { say, type Plan } from '../kit/write.ts';
import { CidrPool } from './cidr.ts';

const name = 'node-controller';
/** kube-controller-manager's --node-cidr-mask-size-ipv4 and -ipv6. */
const defaultMaskSizes: Record<Family, number> = { 4: 24, 6: 64 };

/** Gives each node its pod range, once. */
export function startNodeIpamController(ctx: ControllerContext): Controller {
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  // A pool knows its own ranges, and lets others be.
  const pools = ctx.clusterCidr.split(',').map((text, i) => {
    const cidr = mustCidr(text);
    const told = i === 0 ? ctx.nodeCidrMaskSize : undefined;
    return new CidrPool(cidr, told ?? defaultMaskSizes[familyOf(cidr)]);
  });
  /** What a node was chosen for and does not show yet. */
  const chosen = new Map<string, string[]>();
  const choose = (key: string): string[] | undefined => {
    const cidrs = chosen.get(key) ?? pools.flatMap((pool) => pool.allocate() ?? []);
    if (cidrs.length < pools.length) {
      release(cidrs);
      return undefined;
    }
    chosen.set(key, cidrs);
    return cidrs;
  };
  const release = (cidrs: readonly string[]): void => {
    for (const cidr of cidrs) for (const pool of pools) pool.release(cidr);
  };
  /** The node is gone, or has another range: what was chosen for it is free again. */
  const settle = (key: string): void => {
    release(chosen.get(key) ?? []);
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
        return { node, cidrs: choose(key) };
      },
      plan: planRange,
      forget: settle,
    },
    (queue) => {
      nodes.onChange(({ type, key, object, old }) => {
        const shown = chosen.get(key);
        // From now on the range goes and comes with the node.
        if (shown?.some((cidr) => object.spec?.podCIDRs?.includes(cidr))) chosen.delete(key);
        for (const cidr of object.spec?.podCIDRs ?? []) {
          if (type === 'DELETED') release([cidr]);
          else if (!old?.spec?.podCIDRs?.includes(cidr))
            for (const pool of pools) pool.occupy(cidr);
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
  /** One of each family; undefined: none is left. */
  cidrs: string[] | undefined;
}

export function planRange({ node, cidrs }: IpamView): Plan {
  const { name: key, uid } = node.metadata;
  const message = `Node ${key} status is now: CIDRNotAvailable`;
  if (!cidrs) return { steps: [say(node, 'Warning', 'CIDRNotAvailable', message)] };
  const body = { metadata: { uid }, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
  const patch = { type: 'merge' as const, body };
  return {
    steps: [
      { verb: 'patch', ref: refs.nodes, object: node, patch, forgives: ['Conflict', 'Invalid'] },
    ],
  };
}
