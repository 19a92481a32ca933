import type {
  Device,
  DeviceAttribute,
  ResourceClaim,
  ResourceSlice,
} from '../generated/types/resource-v1.ts';
import type { KubeObject } from '../object.ts';
import { statusOnly } from './keep.ts';
import type { StrategyContext } from './row.ts';

/** A device, or a share of one. */
export interface DeviceOfShare {
  driver?: string;
  pool?: string;
  device?: string;
  shareID?: string;
}

/** As Go's messages show it. */
export const sharedDevice = ({
  driver = '',
  pool = '',
  device = '',
  shareID = '',
}: DeviceOfShare): object => ({ Driver: driver, Pool: pool, Device: device, ShareID: shareID });

/** Devices that are given back have no status any more. */
function dropGivenBack(object: KubeObject, old: KubeObject): void {
  const { status } = object as ResourceClaim;
  const results = (claim: ResourceClaim['status']): string[] =>
    (claim?.allocation?.devices?.results ?? []).map((one) => JSON.stringify(sharedDevice(one)));
  const kept = new Set(results(status));
  const gone = new Set(results((old as ResourceClaim).status).filter((one) => !kept.has(one)));
  if (!status?.devices || gone.size === 0) return;
  status.devices = status.devices.filter((one) => !gone.has(JSON.stringify(sharedDevice(one))));
  if (status.devices.length === 0) delete status.devices;
}

const lists = ['ints', 'bools', 'strings', 'versions'] as const;
const devicesOf = (object: KubeObject | undefined): Device[] =>
  (object as ResourceSlice | undefined)?.spec?.devices ?? [];
const attributesOf = (device: Device): DeviceAttribute[] => Object.values(device.attributes ?? {});

/**
 * Takes away the fields of features that are off in 1.36, unless they were in use before
 * (DRAListTypeAttributes, DRANodeAllocatableResources).
 */
export function dropDisabledSliceFields(object: KubeObject, old?: KubeObject): void {
  const usedLists = devicesOf(old).some((device) =>
    attributesOf(device).some((one) => lists.some((field) => one[field] !== undefined)),
  );
  const usedMappings = devicesOf(old).some(
    (device) => Object.keys(device.nodeAllocatableResourceMappings ?? {}).length > 0,
  );
  for (const device of devicesOf(object)) {
    if (!usedMappings) delete device.nodeAllocatableResourceMappings;
    if (!usedLists)
      for (const one of attributesOf(device)) for (const field of lists) delete one[field];
  }
}

/** A write to /status of a ResourceClaim. */
export function claimStatus(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  statusOnly('metadata')(object, old, context);
  dropGivenBack(object, old);
}
