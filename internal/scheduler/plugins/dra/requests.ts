import type {
  CapacityRequirements,
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceToleration,
  ResourceClaim,
} from '../../../api/generated/types/resource-v1.ts';
import { toleratesDeviceTaint } from '../../../api/scheduling/device-taints.ts';
import type { PoolDevice } from './pools.ts';

/** A request, or one alternative of it, with what was found out about it. */
export interface Request {
  /** `request`, or `request/alternative`. */
  readonly name: string;
  /** The request it is an alternative of, or itself. */
  readonly base: string;
  readonly className: string;
  readonly selectors: readonly DeviceSelector[];
  readonly all: boolean;
  readonly count: number;
  readonly adminAccess: boolean;
  readonly tolerations: readonly DeviceToleration[];
  readonly capacity: CapacityRequirements | undefined;
}

/** Requests that were looked into for one node. */
export interface Prepared extends Request {
  readonly deviceClass: DeviceClass;
  /** How many devices it takes; of `all`, as many as match. */
  readonly wanted: number;
  /** Which, for `all`. */
  readonly devices: readonly PoolDevice[];
}

/** The alternatives of a request, the best first; one, unless it has firstAvailable. */
export function alternativesOf(request: DeviceRequest): Request[] {
  const parts = request.exactly
    ? [{ name: request.name, ask: request.exactly, adminAccess: request.exactly.adminAccess }]
    : (request.firstAvailable ?? []).map((ask) => ({
        name: `${request.name}/${ask.name}`,
        ask,
        adminAccess: false,
      }));
  return parts.map(({ name, ask, adminAccess }) => ({
    name,
    base: request.name,
    className: ask.deviceClassName,
    selectors: ask.selectors ?? [],
    all: ask.allocationMode === 'All',
    count: ask.count ?? 1,
    adminAccess: adminAccess === true,
    tolerations: ask.tolerations ?? [],
    capacity: ask.capacity,
  }));
}

export const keyOfClaim = ({ metadata }: ResourceClaim): string =>
  `${metadata.namespace}/${metadata.name}`;

/** Whether the taints of a device keep this request from it (KEP-5055). */
export function keptAway({ device }: PoolDevice, { tolerations }: Request): boolean {
  return (device.taints ?? []).some(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !tolerations.some((t) => toleratesDeviceTaint(t, taint)),
  );
}
