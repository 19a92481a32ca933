import type { Node } from '../../../api/generated/types/core-v1.ts';
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../../api/generated/types/resource-v1.ts';
import type { AllocatedState } from './allocated-state.ts';
import { allocationResult, type Taken } from './allocation-result.ts';
import { consumption, fitsCapacity, sumOf, type Consumed } from './capacity.ts';
import { constraintOf, type Constraint } from './constraints.ts';
import { SharedCounters } from './counters.ts';
import type { DeviceMatcher } from './device-matcher.ts';
import { PoolIndex, reaches, type Pool, type PoolDevice } from './pools.ts';
import { alternativesOf, keptAway, keyOfClaim, type Prepared, type Request } from './requests.ts';

/** AllocationResultsMaxSize: more devices one claim cannot hold. */
const mostDevices = 32;
/** Steps of one search; beyond it a node counts as unable. Bounds what hostile claims can cost. */
const mostSteps = 100_000;

export interface AllocatorOptions {
  slices: readonly ResourceSlice[];
  state: AllocatedState;
  matcher: DeviceMatcher;
  classOf(name: string): DeviceClass | undefined;
  /** A name for one share of a device that several claims use. */
  shareId(): string;
}

/** Errors of the claim or class itself: no node will do. */
export class AllocationError extends Error {}

/**
 * Finds devices for claims on a node: every request against every device in all orders, until the
 * first solution (dynamic-resource-allocation structured.Allocator).
 */
export class Allocator {
  readonly #o: AllocatorOptions;
  readonly #pools: PoolIndex;

  constructor(options: AllocatorOptions) {
    this.#o = options;
    this.#pools = new PoolIndex(options.slices);
  }

  /** One result for each claim, or undefined when this node cannot give them. */
  allocate(node: Node, claims: readonly ResourceClaim[]): AllocationResult[] | undefined {
    return new Search({ ...this.#o, pools: this.#pools.for(node) }, node, claims).run();
  }
}

/** Where the search is: the claim, its request, the alternative, and how many devices it has. */
interface Position {
  claim: number;
  request: number;
  /** Undefined: none was chosen yet. */
  alternative: number | undefined;
  device: number;
}

class Search {
  readonly #o: AllocatorOptions;
  readonly #node: Node;
  readonly #claims: readonly ResourceClaim[];
  readonly #pools: readonly Pool[];
  readonly #devices: readonly PoolDevice[];
  readonly #requests: readonly (readonly (readonly Prepared[])[])[];
  readonly #constraints: readonly (readonly Constraint[])[];
  readonly #counters: SharedCounters;
  readonly #matches = new Map<Request, Map<string, boolean>>();
  /** Devices taken in this search, with the claims that took them. */
  readonly #taking = new Map<string, number[]>();
  readonly #capacity = new Map<string, Consumed>();
  readonly #taken: Taken[][];
  #steps = 0;

  constructor(
    options: AllocatorOptions & { pools: readonly Pool[] },
    node: Node,
    claims: readonly ResourceClaim[],
  ) {
    this.#o = options;
    this.#node = node;
    this.#claims = claims;
    this.#pools = options.pools;
    this.#devices = this.#pools.flatMap((p) => (p.incomplete || p.invalid ? [] : p.devices));
    const { devices, capacity } = options.state;
    this.#counters = new SharedCounters((id) => devices.has(id) || capacity.has(id));
    this.#requests = claims.map((claim) =>
      claim.spec.devices.requests.map((request) =>
        alternativesOf(request).map((one) => this.#prepare(claim, one)),
      ),
    );
    this.#constraints = claims.map((claim) =>
      (claim.spec.devices.constraints ?? []).map((constraint, i) => {
        const made = constraintOf(constraint);
        if (!made)
          throw new AllocationError(
            `claim ${keyOfClaim(claim)}, constraint #${i}: empty constraint`,
          );
        return made;
      }),
    );
    this.#taken = claims.map(() => []);
  }

  run(): AllocationResult[] | undefined {
    if (!this.#next({ claim: 0, request: 0, alternative: undefined, device: 0 }, 0)) {
      if (this.#pools.some((p) => p.invalid)) throw new InvalidPools();
      return undefined;
    }
    return this.#claims.map((claim, i) =>
      allocationResult(claim, this.#taken[i]!, this.#node.metadata.name ?? ''),
    );
  }

  #prepare(claim: ResourceClaim, request: Request): Prepared {
    const owner = `claim ${keyOfClaim(claim)}, request ${request.name}`;
    const deviceClass = this.#o.classOf(request.className);
    if (!deviceClass)
      throw new AllocationError(`${owner}: could not retrieve device class ${request.className}`);
    const prepared = { ...request, deviceClass, wanted: request.count, devices: [] };
    if (!request.all) return prepared;
    for (const pool of this.#pools)
      if (pool.incomplete || pool.invalid)
        throw new AllocationError(
          `${owner}: asks for all devices, but resource pool ${pool.id} is currently ` +
            `${pool.incomplete ? 'being updated' : 'invalid'}`,
        );
    const devices = this.#devices.filter(
      (device) =>
        this.#suits(prepared, device) && consumption(device.device, request.capacity) !== undefined,
    );
    return { ...prepared, devices, wanted: devices.length };
  }

  /** Fills position after position; `from` is where the same request's next device may start. */
  #next(at: Position, from: number): boolean {
    if (++this.#steps > mostSteps) return false;
    const requests = this.#requests[at.claim];
    if (!requests) return true;
    const alternatives = requests[at.request];
    if (!alternatives)
      return this.#next({ claim: at.claim + 1, request: 0, alternative: undefined, device: 0 }, 0);
    if (at.alternative === undefined)
      return alternatives.some((_, i) => this.#next({ ...at, alternative: i }, 0));
    const request = alternatives[at.alternative]!;
    if (request.all && request.wanted === 0) return false;
    if (at.device >= request.wanted)
      return this.#next({ ...at, request: at.request + 1, alternative: undefined, device: 0 }, 0);
    if (this.#taken[at.claim]!.length + request.wanted - at.device > mostDevices) return false;
    if (request.all)
      return this.#try(at, request, { device: request.devices[at.device]!, from: 0 });
    for (let i = from; i < this.#devices.length; i++) {
      const device = this.#devices[i]!;
      if (this.#suits(request, device) && this.#try(at, request, { device, from: i + 1 }))
        return true;
    }
    return false;
  }

  #try(
    at: Position,
    request: Prepared,
    { device, from }: { device: PoolDevice; from: number },
  ): boolean {
    const undo = this.#take(at.claim, request, device);
    if (!undo) return false;
    if (this.#next({ ...at, device: at.device + 1 }, from)) return true;
    undo();
    return false;
  }

  /** Takes a device for a claim if nothing speaks against it; returns how to give it back. */
  #take(claim: number, request: Prepared, device: PoolDevice): (() => void) | undefined {
    const { id } = device;
    const shared = device.device.allowMultipleAllocations === true;
    const takers = this.#taking.get(id) ?? [];
    if (!shared && request.adminAccess && takers.includes(claim)) return undefined;
    if (!request.adminAccess && (this.#o.state.devices.has(id) || takers.length > 0))
      return undefined;
    const consumed = consumption(device.device, request.capacity);
    const before = this.#capacity.get(id);
    const used = this.#o.state.capacity.get(id);
    if (!consumed || !fitsCapacity(device.device, consumed, [before, used])) return undefined;
    if (keptAway(device, request)) return undefined;

    const undo: (() => void)[] = [];
    const back = (): void => {
      for (const step of undo.reverse()) step();
    };
    // Of a device that is in use already, the counters are drawn already.
    if (!(shared && (before !== undefined || used !== undefined))) {
      if (!this.#counters.take(device)) return undefined;
      undo.push(() => this.#counters.give(device));
    }
    for (const constraint of this.#constraints[claim]!) {
      if (!constraint.add(request, device)) return void back();
      undo.push(() => constraint.remove(request, device));
    }
    if (shared) {
      this.#capacity.set(id, sumOf(before, consumed));
      undo.push(() => (before ? this.#capacity.set(id, before) : void this.#capacity.delete(id)));
    } else {
      this.#taking.set(id, [...takers, claim]);
      undo.push(() => this.#taking.set(id, takers));
    }
    const share = shared ? { shareId: this.#o.shareId(), consumed } : undefined;
    this.#taken[claim]!.push({ request, device, ...(share && { share }) });
    undo.push(() => void this.#taken[claim]!.pop());
    return back;
  }

  /** Whether class and request select the device, allocated or not. */
  #suits(request: Prepared, device: PoolDevice): boolean {
    let known = this.#matches.get(request);
    if (!known) this.#matches.set(request, (known = new Map()));
    const before = known.get(device.id);
    if (before !== undefined) return before;
    const { spec } = device.slice;
    const suits =
      (!spec.perDeviceNodeSelection || reaches(this.#node, device.device)) &&
      this.#selects(request, device);
    known.set(device.id, suits);
    return suits;
  }

  #selects({ deviceClass, selectors, name }: Prepared, device: PoolDevice): boolean {
    const { matcher } = this.#o;
    try {
      return (
        matcher.matches(
          device,
          deviceClass.spec.selectors ?? [],
          `class ${deviceClass.metadata.name}`,
        ) && matcher.matches(device, selectors, `request ${name}`)
      );
    } catch (error) {
      throw new AllocationError(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Slices contradict each other; other nodes may have better ones. */
export class InvalidPools extends Error {
  constructor() {
    super('invalid resource pools were encountered');
  }
}
