import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import type { Condition } from '../../api/generated/types/meta-v1.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, writesOf, type Plan, type Write } from '../kit/write.ts';
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
  const ranges = ctx.mirrors.of<ServiceCIDR>(refs.serviceCidrs);
  const addresses = ctx.mirrors.of<IPAddress>(refs.ipAddresses);
  return startPlanned<RangeView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.serviceCidrs, mirror: ranges },
        { ref: refs.ipAddresses, mirror: addresses },
      ],
      view: (key, { nowMs }) => {
        const range = ranges.get(key);
        if (!range) return undefined;
        const blocked = Boolean(blockingAddress(range, ranges.list(), addresses.list()));
        return { range, blocked, nowMs };
      },
      plan: planRange,
      conclude: concludeRange,
    },
    (queue) => {
      const deleting = (): void => {
        for (const one of ranges.list())
          if (one.metadata.deletionTimestamp) queue.add(one.metadata.name ?? '');
      };
      ranges.onChange(({ key }) => {
        queue.add(key);
        deleting(); // another range may hold its addresses now
      });
      addresses.onChange(({ type }) => type === 'DELETED' && deleting());
    },
  );
}

export interface RangeView {
  range: ServiceCIDR;
  /** An address has no other range. */
  blocked: boolean;
  nowMs: number;
}

/** Finalizers: one as long as it stands, none when nothing needs it any more. */
export function planRange({ range, blocked, nowMs }: RangeView): Plan {
  const { finalizers = [], deletionTimestamp } = range.metadata;
  const has = finalizers.includes(finalizer);
  if (!deletionTimestamp)
    return has ? nothing : { steps: [withFinalizers(range, [...finalizers, finalizer])] };
  if (!has || blocked) return nothing;
  const waitMs = Date.parse(deletionTimestamp) + graceMs - nowMs;
  if (waitMs > 0) return { steps: [], againInMs: waitMs };
  return {
    steps: [
      withFinalizers(
        range,
        finalizers.filter((one) => one !== finalizer),
      ),
    ],
  };
}

/** Its condition, on what was written. */
export function concludeRange(view: RangeView, outcome: Outcome, plan: Plan): Plan {
  const { range, blocked, nowMs } = view;
  if (range.metadata.deletionTimestamp) {
    const kept = range.metadata.finalizers?.includes(finalizer);
    const condition = { status: 'False', reason: 'Terminating', message: stillUsed };
    return kept && blocked ? { steps: conditionWrites(range, condition, nowMs) } : nothing;
  }
  const [write] = writesOf(plan);
  const written = write ? outcome.of(write) : range;
  // Refused, or forgiven: it is gone.
  if (!written || written === write?.object) return nothing;
  const now = written as ServiceCIDR;
  if (now.status?.conditions?.some((one) => one.type === 'Ready')) return nothing;
  const condition = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
  return { steps: conditionWrites(now, condition, nowMs) };
}

function withFinalizers(range: ServiceCIDR, finalizers: string[]): Write {
  const object = { ...range, metadata: { ...range.metadata, finalizers } };
  return { verb: 'update', ref: refs.serviceCidrs, object };
}

function conditionWrites(
  range: ServiceCIDR,
  condition: Pick<Condition, 'status' | 'reason' | 'message'>,
  nowMs: number,
): Write[] {
  const before = range.status?.conditions ?? [];
  const ready = before.find((one) => one.type === 'Ready');
  const turned = ready?.status !== condition.status;
  if (!turned && ready?.reason === condition.reason && ready.message === condition.message)
    return [];
  const lastTransitionTime = ready && !turned ? ready.lastTransitionTime : timeOf(nowMs);
  const conditions = [
    ...before.filter((one) => one !== ready),
    { ...condition, type: 'Ready', lastTransitionTime },
  ];
  const object = { ...range, status: { ...range.status, conditions } };
  return [{ verb: 'update', ref: refs.serviceCidrs, object, subresource: 'status' }];
}
