import { mustCidr } from '../../base/addresses.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';
import { CidrPool } from './cidr.ts';

const name = 'node-controller';
const defaultMaskSize = 24;

/** Gives each node its pod range, once. */
export function startNodeIpamController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({
    client,
    clock: ctx.clock,
    log: ctx.log,
    component: 'cidrAllocator',
  });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const pool = new CidrPool(mustCidr(ctx.clusterCidr), ctx.nodeCidrMaskSize ?? defaultMaskSize);
  const reconcile = async (key: string): Promise<void> => {
    const node = nodes.get(key);
    if (!node || node.metadata.deletionTimestamp || node.spec?.podCIDR) return;
    const cidr = pool.allocate();
    if (!cidr)
      return events.warning(
        node,
        'CIDRNotAvailable',
        `Node ${key} status is now: CIDRNotAvailable`,
      );
    try {
      await client.patch(
        refs.nodes,
        { name: key },
        {
          type: 'merge',
          body: { metadata: { uid: node.metadata.uid }, spec: { podCIDR: cidr, podCIDRs: [cidr] } },
        },
      );
    } catch (error) {
      pool.release(cidr);
      if (!isApiError(error, 'NotFound', 'Conflict', 'Invalid')) throw error;
    }
  };
  // One at a time: what one node was given the next must not be.
  const queue = makeQueue(ctx, { name: 'node-ipam', reconcile, concurrency: 1 });
  nodes.onChange(({ type, key, object, old }) => {
    for (const cidr of object.spec?.podCIDRs ?? []) {
      if (type === 'DELETED') pool.release(cidr);
      else if (!old?.spec?.podCIDRs?.includes(cidr)) pool.occupy(cidr);
    }
    if (type !== 'DELETED') queue.add(key);
    // A range that came back may be what others wait for.
    else for (const n of nodes.list()) if (!n.spec?.podCIDR) queue.add(n.metadata.name!);
  });
  return run(queue, { name: 'node-ipam', mirrors: [nodes] });
}
