import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { AllocationResult, ResourceClaim } from '../../api/generated/types/resource-v1.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { messageOf } from '../../base/errors.ts';
import { timeOf } from '../../api/times.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { StateKey, type CycleState } from '../framework/cycle-state.ts';
import { action, type ClusterEvent, type EventWithHint } from '../framework/events.ts';
import type { Handle } from '../framework/handle.ts';
import { normalizeScores, type Plugin } from '../framework/plugin.ts';
import { failed, skip, unresolvable, unschedulable, type Status } from '../framework/status.ts';
import { allocatedState } from './dra/allocated-state.ts';
import { AllocationError, Allocator, InvalidPools } from './dra/allocator.ts';
import { hasBindingConditions, isOverdue, isReady, untilReady } from './dra/binding-conditions.ts';
import { ClaimWriter } from './dra/claim-writer.ts';
import { DeviceMatcher } from './dra/device-matcher.ts';
import { canBeReserved, isReservedFor, namesClaim, podClaims } from './dra/pod-claims.ts';
import { alternativesOf, keyOfClaim } from './dra/requests.ts';

const name = 'DynamicResources';
/** FirstAvailableDeviceRequestMaxSize: the first alternative counts this much. */
const mostAlternatives = 8;

export interface DynamicResourcesArgs {
  /** How long a device may take to become ready (binding conditions). */
  bindingTimeoutMs: number;
}

interface ClaimsState {
  claims: ResourceClaim[];
  toAllocate: ResourceClaim[];
  allocator: Allocator | undefined;
  byNode: Map<string, AllocationResult[]>;
  /** Claims that are allocated where the pod cannot go. */
  unavailable: Set<ResourceClaim>;
}

const key = new StateKey<ClaimsState>(name);

/** Devices for the pod's ResourceClaims (structured parameters, KEP-4381). */
export class DynamicResources implements Plugin {
  readonly name = name;
  readonly #h: Handle;
  readonly #timeoutMs: number;
  readonly #matcher = new DeviceMatcher();
  readonly #writer: ClaimWriter;

  constructor({ bindingTimeoutMs }: DynamicResourcesArgs, handle: Handle) {
    this.#h = handle;
    this.#timeoutMs = bindingTimeoutMs;
    this.#writer = new ClaimWriter(handle.client, () => timeOf(handle.clock.now()));
  }

  events(): EventWithHint[] {
    return [
      {
        resource: 'ResourceClaim',
        actions: action.add | action.update | action.delete,
        hint: claimMatters,
      },
      {
        resource: 'Pod',
        actions: action.updatePodGeneratedResourceClaim,
        hint: (pod, { now }) => (now as Pod).metadata.uid === pod.metadata.uid,
      },
      { resource: 'DeviceClass', actions: action.add | action.update },
      { resource: 'ResourceSlice', actions: action.add | action.update },
      { resource: 'Node', actions: action.add | action.updateNodeLabel | action.updateNodeTaint },
    ];
  }

  /** A pod is not looked at before its claims are there. */
  preEnqueue(pod: Pod): Status | undefined {
    if (!pod.spec.resourceClaims?.length) return undefined;
    const found = podClaims(pod, this.#h.listers.resourceClaims);
    return typeof found === 'string' ? unresolvable(name, found) : undefined;
  }

  preFilter(state: CycleState, pod: PodInfo) {
    if (!pod.pod.spec.resourceClaims?.length) return skip;
    const found = podClaims(pod.pod, this.#h.listers.resourceClaims);
    if (typeof found === 'string') return unresolvable(name, found);
    if (found.length === 0) return skip;
    const toAllocate: ResourceClaim[] = [];
    for (const claim of found) {
      const refusal = this.#usable(claim, pod);
      if (refusal) return unresolvable(name, refusal);
      if (!claim.status?.allocation) toAllocate.push(claim);
    }
    const claims = found;
    const allocator = toAllocate.length > 0 ? this.#allocator() : undefined;
    state.write(key, { claims, toAllocate, allocator, byNode: new Map(), unavailable: new Set() });
    return undefined;
  }

  filter(state: CycleState, _pod: PodInfo, node: NodeInfo): Status | undefined {
    const read = state.read(key);
    if (!read) return undefined;
    const away = read.claims.filter((claim) => this.#isAway(claim, node));
    for (const claim of away) read.unavailable.add(claim);
    if (away.length > 0) return unresolvable(name, 'resourceclaim not available on the node');
    if (!read.allocator) return undefined;
    try {
      const results = read.allocator.allocate(node.node, read.toAllocate);
      if (!results) return unresolvable(name, 'cannot allocate all claims');
      read.byNode.set(node.name, results);
      return undefined;
    } catch (error) {
      if (error instanceof InvalidPools) return unresolvable(name, error.message);
      if (error instanceof AllocationError) return failed(name, error.message);
      throw error;
    }
  }

  /** Devices that are kept where the pod cannot go are given back, to look for others. */
  postFilter(state: CycleState, pod: PodInfo) {
    const read = state.read(key);
    if (!read) return { status: unschedulable(name, 'no new claims to deallocate') };
    for (const claim of read.unavailable) {
      if (!(claim.status.reservedFor ?? []).every((u) => u.uid === pod.uid)) continue;
      this.#later(this.#writer.deallocate(claim, pod), 'cannot deallocate a claim', claim);
      return { status: unschedulable(name, 'deallocation of ResourceClaim completed') };
    }
    return { status: unschedulable(name, 'still not schedulable') };
  }

  preScore(state: CycleState): Status | undefined {
    const claims = state.read(key)?.claims ?? [];
    return claims.some((c) => c.spec.devices.requests.some((r) => r.firstAvailable?.length))
      ? undefined
      : skip;
  }

  /** Better where a better alternative is free. */
  score(state: CycleState, _pod: PodInfo, node: NodeInfo): number {
    const read = state.read(key);
    if (!read) return 0;
    const results = read.byNode.get(node.name) ?? [];
    return read.claims.reduce(
      (sum, claim) =>
        sum + rankOf(claim, claim.status?.allocation ?? results[read.toAllocate.indexOf(claim)]),
      0,
    );
  }

  normalize(_state: unknown, scores: number[]): void {
    normalizeScores(scores, false);
  }

  reserve(state: CycleState, _pod: PodInfo, node: string): Status | undefined {
    const read = state.read(key);
    if (!read || read.toAllocate.length === 0) return undefined;
    const results = read.byNode.get(node);
    if (!results) return failed(name, 'claim allocation not found for node');
    for (const [i, claim] of read.toAllocate.entries())
      this.#h.promised.devices.set(claim.metadata.uid ?? '', {
        key: keyOfClaim(claim),
        allocation: results[i]!,
        written: false,
      });
    return undefined;
  }

  unreserve(state: CycleState, pod: PodInfo): void {
    const read = state.read(key);
    if (!read) return;
    const { devices } = this.#h.promised;
    for (const { metadata } of read.toAllocate)
      if (devices.get(metadata.uid ?? '')?.written === false) devices.delete(metadata.uid ?? '');
    for (const claim of read.claims)
      if (isReservedFor(claim, pod.uid))
        this.#later(this.#writer.release(claim, pod), 'cannot release a claim', claim);
  }

  preBindPreFlight(state: CycleState, pod: PodInfo) {
    const read = state.read(key);
    const works = read?.claims.some((c) => !isReservedFor(c, pod.uid) || hasBindingConditions(c));
    return works ? undefined : skip;
  }

  async preBind(
    state: CycleState,
    pod: PodInfo,
    node: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> {
    const read = state.read(key);
    if (!read) return undefined;
    const { devices } = this.#h.promised;
    try {
      for (const [i, claim] of read.claims.entries()) {
        if (isReservedFor(claim, pod.uid)) continue;
        const promise = devices.get(claim.metadata.uid ?? '');
        const allocation = read.toAllocate.includes(claim) ? promise?.allocation : undefined;
        read.claims[i] = await this.#writer.bind(claim, pod, allocation);
        if (allocation && promise) promise.written = true;
      }
      const waiting = read.claims.filter(hasBindingConditions);
      if (waiting.length === 0) return undefined;
      this.#h.events.record(pod.pod, {
        type: 'Normal',
        reason: 'BindingConditionsPending',
        action: 'Scheduling',
        note: `waiting for binding conditions for device on node ${node}`,
      });
      await untilReady(waiting, this.#h, { timeoutMs: this.#timeoutMs, signal });
      return undefined;
    } catch (error) {
      return failed(name, messageOf(error));
    }
  }

  /** Why a claim cannot be used by the pod now. */
  #usable(claim: ResourceClaim, pod: PodInfo): string | undefined {
    const { promised, listers } = this.#h;
    if (claim.status?.allocation)
      return canBeReserved(claim) || isReservedFor(claim, pod.uid)
        ? undefined
        : 'resourceclaim in use';
    if (promised.devices.has(claim.metadata.uid ?? ''))
      return `resource claim ${keyOfClaim(claim)} is in the process of being allocated`;
    for (const request of claim.spec.devices.requests)
      for (const { className, name: requestName } of alternativesOf(request))
        if (!listers.deviceClasses.get(className))
          return `request ${requestName}: device class ${className} does not exist`;
    return undefined;
  }

  #isAway(claim: ResourceClaim, { node }: NodeInfo): boolean {
    const { allocation } = claim.status ?? {};
    if (!allocation) return false;
    if (allocation.nodeSelector && !matchesNodeSelector(allocation.nodeSelector, node)) return true;
    if (!hasBindingConditions(claim)) return false;
    try {
      return !isReady(claim) && isOverdue(claim, this.#timeoutMs, this.#h.clock.now());
    } catch {
      return true;
    }
  }

  #allocator(): Allocator {
    const { listers, promised, random } = this.#h;
    // The mirror shows what was written: the promise has been kept.
    for (const [uid, { key: claimKey, written }] of promised.devices) {
      const now = listers.resourceClaims.get(claimKey);
      if (written && (!now || now.metadata.uid !== uid || now.status?.allocation))
        promised.devices.delete(uid);
    }
    const pending = new Map([...promised.devices].map(([uid, p]) => [uid, p.allocation]));
    return new Allocator({
      slices: [...listers.resourceSlices.list()],
      state: allocatedState(listers.resourceClaims.list(), pending),
      matcher: this.#matcher,
      classOf: (n) => listers.deviceClasses.get(n),
      shareId: () => random.uuid(),
    });
  }

  #later(work: Promise<void>, what: string, claim: ResourceClaim): void {
    work.catch((error: unknown) =>
      this.#h.log.warn(what, { claim: keyOfClaim(claim), error: messageOf(error) }),
    );
  }
}

/** The first alternative of a request counts most. */
function rankOf({ spec }: ResourceClaim, allocation: AllocationResult | undefined): number {
  const chosen = new Set((allocation?.devices.results ?? []).map((r) => r.request));
  let rank = 0;
  for (const { name: request, firstAvailable = [] } of spec.devices.requests)
    for (const [i, one] of firstAvailable.entries())
      if (chosen.has(`${request}/${one.name}`)) rank += mostAlternatives - i;
  return rank;
}

/** The pod's own claim changed, or the devices of another one came free. */
function claimMatters(pod: Pod, { old, now }: ClusterEvent): boolean {
  const [before, after] = [old, now] as (ResourceClaim | undefined)[];
  const claim = after ?? before;
  if (claim && namesClaim(pod, claim)) return true;
  return Boolean(before?.status?.allocation) && !after?.status?.allocation;
}
