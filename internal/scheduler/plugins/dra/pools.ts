import type { Node, NodeSelector } from '../../../api/generated/types/core-v1.ts';
import type {
  CounterSet,
  Device,
  ResourceSlice,
} from '../../../api/generated/types/resource-v1.ts';
import { matchesNodeSelector } from '../../../api/scheduling/node-affinity.ts';

/** A device with where it comes from. */
export interface PoolDevice {
  /** `driver/pool/device`. */
  readonly id: string;
  readonly device: Device;
  readonly slice: ResourceSlice;
  readonly pool: Pool;
}

export interface Pool {
  /** `driver/pool`. */
  readonly id: string;
  /** A driver is just replacing its slices; nothing may be taken from it now. */
  readonly incomplete: boolean;
  /** Why the slices contradict each other. */
  readonly invalid: string | undefined;
  /** Devices that the node reaches, in the order in which they are tried. */
  readonly devices: PoolDevice[];
  /** Devices for other nodes; they draw on the same counters. */
  readonly others: PoolDevice[];
  readonly counterSets: readonly CounterSet[];
}

const poolIdOf = ({ spec }: ResourceSlice): string => `${spec.driver}/${spec.pool.name}`;

export const deviceId = (driver: string, pool: string, device: string): string =>
  `${driver}/${pool}/${device}`;

interface Place {
  nodeName?: string;
  allNodes?: boolean;
  nodeSelector?: NodeSelector;
}

export const reaches = (node: Node, { nodeName, allNodes, nodeSelector }: Place): boolean =>
  nodeName
    ? nodeName === node.metadata.name
    : allNodes === true || (nodeSelector ? matchesNodeSelector(nodeSelector, node) : false);

function isFor(node: Node, { spec }: ResourceSlice): boolean {
  if ((spec.sharedCounters ?? []).length > 0) return true;
  if (spec.nodeName || spec.allNodes || spec.nodeSelector) return reaches(node, spec);
  return spec.perDeviceNodeSelection === true && (spec.devices ?? []).some((d) => reaches(node, d));
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The slices of all pools, only of the newest generation of each, made once for a pod. A node's own
 * pools are found by its name: a cluster has as many of them as nodes.
 */
export class PoolIndex {
  readonly #byNode = new Map<string, [string, ResourceSlice[]][]>();
  readonly #anywhere: [string, ResourceSlice[]][] = [];

  constructor(slices: Iterable<ResourceSlice>) {
    const byPool = new Map<string, ResourceSlice[]>();
    for (const slice of slices) {
      const id = poolIdOf(slice);
      const known = byPool.get(id);
      const newest = known?.[0]?.spec.pool.generation ?? -1;
      if (!known || slice.spec.pool.generation > newest) byPool.set(id, [slice]);
      else if (slice.spec.pool.generation === newest) known.push(slice);
    }
    for (const entry of byPool) {
      const [, all] = entry;
      const [first] = all;
      const name = first?.spec.nodeName;
      if (!name || all.some((s) => s.spec.nodeName !== name)) this.#anywhere.push(entry);
      else {
        const here = this.#byNode.get(name);
        if (here) here.push(entry);
        else this.#byNode.set(name, [entry]);
      }
    }
  }

  /**
   * The pools with slices for a node. Pools and slices are in the order of their names, by which a
   * driver says what to take first; pools whose devices need preparing (binding conditions) come
   * last.
   */
  for(node: Node): Pool[] {
    const pools: Pool[] = [];
    for (const [id, all] of this.#byNode.get(node.metadata.name ?? '') ?? [])
      pools.push(poolOf(id, all, node));
    for (const [id, all] of this.#anywhere)
      if (all.some((slice) => isFor(node, slice))) pools.push(poolOf(id, all, node));
    const prepared = (pool: Pool): number =>
      Number(pool.devices.some((d) => (d.device.bindingConditions ?? []).length > 0));
    return pools.sort((a, b) => prepared(a) - prepared(b) || byText(a.id, b.id));
  }
}

function poolOf(id: string, all: ResourceSlice[], node: Node): Pool {
  all.sort((a, b) => byText(a.metadata.name ?? '', b.metadata.name ?? ''));
  const incomplete = all.length !== all[0]?.spec.pool.resourceSliceCount;
  const counterSets = all.flatMap(({ spec }) => spec.sharedCounters ?? []);
  const devices: PoolDevice[] = [];
  const others: PoolDevice[] = [];
  const pool: Pool = {
    id,
    incomplete,
    invalid: incomplete ? undefined : contradiction(all, counterSets),
    devices,
    others,
    counterSets,
  };
  for (const slice of all) {
    const near = isFor(node, slice);
    for (const device of slice.spec.devices ?? []) {
      const found = { id: `${id}/${device.name}`, device, slice, pool };
      (near ? devices : others).push(found);
    }
  }
  return pool;
}

function contradiction(slices: ResourceSlice[], counterSets: CounterSet[]): string | undefined {
  const names = new Set<string>();
  const sets = new Map<string, CounterSet>();
  for (const set of counterSets) {
    if (sets.has(set.name)) return `duplicate counter set name ${set.name}`;
    sets.set(set.name, set);
  }
  for (const { spec } of slices)
    for (const { name, consumesCounters = [] } of spec.devices ?? []) {
      if (names.has(name)) return `duplicate device name ${name}`;
      names.add(name);
      for (const { counterSet, counters } of consumesCounters) {
        const set = sets.get(counterSet);
        if (!set) return `device ${name} refers to unknown counter set ${counterSet}`;
        for (const counter of Object.keys(counters ?? {}))
          if (!Object.hasOwn(set.counters ?? {}, counter))
            return `device ${name} refers to unknown counter ${counter}`;
      }
    }
  return undefined;
}
