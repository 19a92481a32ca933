import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import type { Condition } from '../../api/generated/types/meta-v1.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';
import { blockingAddress } from './in-use.ts';

const name = 'service-cidrs-controller';
const finalizer = 'networking.k8s.io/service-cidr-finalizer';

/** API servers may still give away an address of a range whose deletion they have not seen. */
const graceMs = 10_000;

const stillUsed =
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a ' +
  'new ServiceCIDR';

/**
 * Says of each ServiceCIDR whether it is ready, and keeps one that is being deleted until no
 * address is left without a range.
 */
export function startServiceCidrsController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const ranges = ctx.mirrors.of<ServiceCIDR>(refs.serviceCidrs);
  const addresses = ctx.mirrors.of<IPAddress>(refs.ipAddresses);
  const update = async (
    object: ServiceCIDR,
    subresource?: 'status',
  ): Promise<ServiceCIDR | undefined> => {
    try {
      return await client.update<ServiceCIDR>(
        refs.serviceCidrs,
        object,
        subresource ? { subresource } : {},
      );
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  const say = async (
    object: ServiceCIDR,
    condition: Pick<Condition, 'status' | 'reason' | 'message'>,
  ): Promise<void> => {
    const before = object.status?.conditions ?? [];
    const ready = before.find((one) => one.type === 'Ready');
    if (
      ready?.status === condition.status &&
      ready.reason === condition.reason &&
      ready.message === condition.message
    )
      return;
    const lastTransitionTime =
      ready?.status === condition.status ? ready.lastTransitionTime : timeOf(ctx.clock.now());
    await update(
      {
        ...object,
        status: {
          ...object.status,
          conditions: [
            ...before.filter((one) => one !== ready),
            { ...condition, type: 'Ready', lastTransitionTime },
          ],
        },
      },
      'status',
    );
  };
  const reconcile = async (key: string): Promise<void> => {
    const object = ranges.get(key);
    if (!object) return;
    const finalizers = object.metadata.finalizers ?? [];
    if (!object.metadata.deletionTimestamp) {
      const kept = finalizers.includes(finalizer)
        ? object
        : await update({
            ...object,
            metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] },
          });
      if (kept && !kept.status?.conditions?.some((one) => one.type === 'Ready'))
        await say(kept, {
          status: 'True',
          reason: '',
          message: 'Kubernetes Service CIDR is ready',
        });
      return;
    }
    if (!finalizers.includes(finalizer)) return;
    if (blockingAddress(object, ranges.list(), addresses.list()))
      return await say(object, { status: 'False', reason: 'Terminating', message: stillUsed });
    const waitMs = Date.parse(object.metadata.deletionTimestamp) + graceMs - ctx.clock.now();
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    await update({
      ...object,
      metadata: { ...object.metadata, finalizers: finalizers.filter((one) => one !== finalizer) },
    });
  };
  const queue = makeQueue(ctx, { name, reconcile });
  const deleting = (): void => {
    for (const one of ranges.list())
      if (one.metadata.deletionTimestamp) queue.add(one.metadata.name ?? '');
  };
  ranges.onChange(({ key }) => {
    queue.add(key);
    deleting(); // another range may hold its addresses now
  });
  addresses.onChange(({ type }) => type === 'DELETED' && deleting());
  return run(queue, { name, mirrors: [ranges, addresses] });
}
