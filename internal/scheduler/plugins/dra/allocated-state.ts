import type { AllocationResult, ResourceClaim } from '../../../api/generated/types/resource-v1.ts';
import { quantityOf } from '../../../api/quantity.ts';
import { sumOf, type Consumed } from './capacity.ts';
import { deviceId } from './pools.ts';

/** Which devices are taken, and how much of those that are shared. */
export interface AllocatedState {
  readonly devices: ReadonlySet<string>;
  readonly capacity: ReadonlyMap<string, Consumed>;
}

/** From the claims as the API server has them, and those that are just being allocated. */
export function allocatedState(
  claims: Iterable<ResourceClaim>,
  pending: ReadonlyMap<string, AllocationResult>,
): AllocatedState {
  const devices = new Set<string>();
  const capacity = new Map<string, Consumed>();
  const count = ({ devices: allocated }: AllocationResult): void => {
    for (const result of allocated.results ?? []) {
      // Administrators look on without taking the device from anybody.
      if (result.adminAccess) continue;
      const id = deviceId(result.driver, result.pool, result.device);
      if (result.shareID === undefined) devices.add(id);
      else {
        const taken = Object.entries(result.consumedCapacity ?? {}).map(
          ([name, text]) => [name, quantityOf(text)] as const,
        );
        capacity.set(id, sumOf(capacity.get(id), new Map(taken)));
      }
    }
  };
  for (const claim of claims) {
    const { allocation } = claim.status ?? {};
    if (allocation && !pending.has(claim.metadata.uid ?? '')) count(allocation);
  }
  for (const allocation of pending.values()) count(allocation);
  return { devices, capacity };
}
