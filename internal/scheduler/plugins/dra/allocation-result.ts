import type {
  NodeSelector,
  NodeSelectorRequirement,
} from '../../../api/generated/types/core-v1.ts';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '../../../api/generated/types/resource-v1.ts';
import type { Consumed } from './capacity.ts';
import type { PoolDevice } from './pools.ts';
import type { Prepared } from './requests.ts';

/** A device that was found for a request. */
export interface Taken {
  request: Prepared;
  device: PoolDevice;
  /** Only a share of the device. */
  share?: { shareId: string; consumed: Consumed };
}

/** What goes into the claim's status. */
export function allocationResult(
  claim: ResourceClaim,
  taken: readonly Taken[],
  node: string,
): AllocationResult {
  const results = taken.map(resultOf);
  const config = configOf(claim, taken);
  const nodeSelector = selectorOf(taken, node);
  return {
    devices: { results, ...(config.length > 0 && { config }) },
    ...(nodeSelector && { nodeSelector }),
  };
}

function resultOf({ request, device, share }: Taken): DeviceRequestAllocationResult {
  const { bindingConditions, bindingFailureConditions } = device.device;
  return {
    request: request.name,
    driver: device.slice.spec.driver,
    pool: device.slice.spec.pool.name,
    device: device.device.name,
    ...(request.adminAccess && { adminAccess: true }),
    ...(request.tolerations.length > 0 && { tolerations: [...request.tolerations] }),
    ...(bindingConditions && { bindingConditions }),
    ...(bindingFailureConditions && { bindingFailureConditions }),
    ...(share && {
      shareID: share.shareId,
      consumedCapacity: Object.fromEntries(
        [...share.consumed].map(([name, amount]) => [name, amount.toString()]),
      ),
    }),
  };
}

/** The configuration of each class once, for all its requests, then the claim's own. */
function configOf(
  { spec }: ResourceClaim,
  taken: readonly Taken[],
): DeviceAllocationConfiguration[] {
  const chosen = new Map(taken.map(({ request }) => [request.name, request]));
  const byClass = new Map<string, { request: Prepared; names: string[] }>();
  for (const request of chosen.values()) {
    const known = byClass.get(request.className);
    if (known) known.names.push(request.name);
    else byClass.set(request.className, { request, names: [request.name] });
  }
  const ofClasses = [...byClass.values()].flatMap(({ request, names }) =>
    (request.deviceClass.spec.config ?? []).map((config) => ({
      ...config,
      source: 'FromClass',
      requests: names,
    })),
  );
  const concerned = new Set([...chosen.values()].flatMap((r) => [r.name, r.base]));
  const ofClaim = (spec.devices.config ?? [])
    .filter(({ requests = [] }) => requests.length === 0 || requests.some((r) => concerned.has(r)))
    .map((config) => ({ ...config, source: 'FromClaim' }));
  return [...ofClasses, ...ofClaim];
}

/** Where the devices can be used; undefined: everywhere. */
function selectorOf(taken: readonly Taken[], node: string): NodeSelector | undefined {
  const fields: NodeSelectorRequirement[] = [];
  const expressions: NodeSelectorRequirement[] = [];
  for (const { device } of taken) {
    const { spec } = device.slice;
    const place = spec.perDeviceNodeSelection ? device.device : spec;
    if (place.nodeName || device.device.bindsToNode)
      return {
        nodeSelectorTerms: [
          { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] },
        ],
      };
    const term = place.nodeSelector?.nodeSelectorTerms[0];
    addNew(fields, term?.matchFields);
    addNew(expressions, term?.matchExpressions);
  }
  if (fields.length + expressions.length === 0) return undefined;
  return {
    nodeSelectorTerms: [
      {
        ...(fields.length > 0 && { matchFields: fields }),
        ...(expressions.length > 0 && { matchExpressions: expressions }),
      },
    ],
  };
}

function addNew(
  into: NodeSelectorRequirement[],
  more: readonly NodeSelectorRequirement[] | undefined,
): void {
  for (const one of more ?? [])
    if (!into.some((known) => JSON.stringify(known) === JSON.stringify(one))) into.push(one);
}
