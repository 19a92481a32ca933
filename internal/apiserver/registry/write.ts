import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { Buffer } from 'node:buffer';
import type { KubeObject } from '../../api/object.ts';
import { alreadyExists } from '../../api/status.ts';
import { keyOf as storeKey, type KeyValue, type Op } from '../../store/store.ts';
import type { Core } from './core.ts';
import {
  checkAllocations,
  allocationCompares,
  allocationOps,
  allocationReads,
  type Allocations,
} from './allocations.ts';
import { keyFor, whatOf, type ServedResource } from './resource.ts';
import { encode, forget } from './stored.ts';

/** Events of one minute share a lease, as kube-apiserver's do. */
const leaseShareMs = 60_000;

class EventLeases {
  readonly #core: Pick<Core, 'store' | 'clock'>;
  #current: { id: Promise<string>; untilMs: number } | undefined;

  constructor(core: Pick<Core, 'store' | 'clock'>) {
    this.#core = core;
  }

  lease(ttlSeconds: number): Promise<string> {
    const now = this.#core.clock.now();
    if (!this.#current || this.#current.untilMs < now) {
      const id = this.#core.store
        .leaseGrant({ ttlSeconds: ttlSeconds + leaseShareMs / 1000 })
        .then((lease) => lease.id);
      this.#current = { id, untilMs: now + leaseShareMs };
    }
    return this.#current.id;
  }
}

const leases = new WeakMap<object, EventLeases>();

async function leaseFor(core: Core, resource: ServedResource): Promise<string | undefined> {
  if (!resource.ttlSeconds) return undefined;
  let shared = leases.get(core.store);
  if (!shared) leases.set(core.store, (shared = new EventLeases(core)));
  return shared.lease(resource.ttlSeconds);
}

/**
 * A Lease is soft only while its holder renews it. Who holds it must outlive a power cut: else an
 * earlier leader could find itself the holder again while the later one still acts.
 */
const isLease = (resource: ServedResource): boolean => resource.resource === 'leases';

/** The holder of a stored Lease, as it stands in its JSON. */
function holderOf(value: Uint8Array): string | undefined {
  return /"holderIdentity":"(?:[^"\\]|\\.)*"/.exec(
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString(),
  )?.[0];
}

export async function read(
  core: Core,
  resource: ServedResource,
  namespace: string,
  name: string,
): Promise<KeyValue | undefined> {
  const key = storeKey(keyFor(resource, namespace, name));
  return (await core.store.range({ key })).kvs[0];
}

/**
 * Writes a new object; AlreadyExists when the key is taken, AllocationTaken when one of its
 * allocations is.
 */
export async function writeNew(
  core: Core,
  resource: ServedResource,
  object: KubeObject,
  allocations?: Allocations,
): Promise<KeyValue> {
  const { namespace = '', name = '' } = object.metadata;
  const key = storeKey(keyFor(resource, namespace, name));
  const put: Op = {
    op: 'put',
    key,
    value: encode(resource, object),
    lease: await leaseFor(core, resource),
    soft: resource.soft && !isLease(resource),
  };
  const done = await core.store.txn({
    compare: [
      { key, target: 'MOD', result: 'EQUAL', operand: 0 },
      ...allocationCompares(allocations),
    ],
    success: [put, { op: 'range', key }, ...allocationOps(allocations)],
    failure: allocations ? [{ op: 'range', key }, ...allocationReads(allocations)] : [],
  });
  if (!done.succeeded) {
    if (allocations && !rangeResult(done.responses[0])) checkAllocations(done.responses);
    throw alreadyExists(whatOf(resource), name);
  }
  return rangeResult(done.responses[1]) ?? missing(key, done.revision, put);
}

/** Replaces the record that was read; undefined when somebody else was faster. */
export async function replace(
  core: Core,
  resource: ServedResource,
  old: KeyValue,
  value: Uint8Array,
  {
    allocations,
    subresource,
  }: { allocations?: Allocations | undefined; subresource?: string } = {},
): Promise<KeyValue | undefined> {
  const { key } = old;
  const soft = resource.soft && (!isLease(resource) || holderOf(old.value) === holderOf(value));
  const lease = await leaseFor(core, resource);
  // Where the disk takes no writes, the node's conditions say so.
  const softIfReadOnly = resource.prefix === registryPrefix(refs.nodes) && subresource === 'status';
  const put: Op = { op: 'put', key, value, lease, soft, softIfReadOnly };
  const done = await core.store.txn({
    compare: [
      { key, target: 'MOD', result: 'EQUAL', operand: old.modRevision },
      ...allocationCompares(allocations),
    ],
    success: [put, { op: 'range', key }, ...allocationOps(allocations)],
    failure: allocations ? [{ op: 'range', key }, ...allocationReads(allocations)] : [],
  });
  if (!done.succeeded) {
    if (allocations && rangeResult(done.responses[0])?.modRevision === old.modRevision)
      checkAllocations(done.responses.slice(1));
    return undefined;
  }
  forget(old); // all watches have had the event by now
  return rangeResult(done.responses[1]) ?? missing(key, done.revision, put);
}

/**
 * Removes the record that was read; the revision of the deletion, or undefined when somebody else
 * was faster.
 */
export async function remove(
  core: Core,
  resource: ServedResource,
  old: KeyValue,
  allocations?: Allocations,
): Promise<number | undefined> {
  const { key } = old;
  const done = await core.store.txn({
    compare: [{ key, target: 'MOD', result: 'EQUAL', operand: old.modRevision }],
    success: [
      { op: 'delete', key, soft: resource.soft && !isLease(resource) },
      ...allocationOps(allocations),
    ],
    failure: [],
  });
  if (done.succeeded) forget(old);
  return done.succeeded ? done.revision : undefined;
}

function rangeResult(
  response: import('../../store/store.ts').OpResponse | undefined,
): KeyValue | undefined {
  return response?.op === 'range' ? response.kvs[0] : undefined;
}

/** A store that does not read back inside the transaction still told us all we need. */
function missing(key: string, revision: number, put: Op): KeyValue {
  const value = put.op === 'put' ? put.value : Buffer.alloc(0);
  return { key, value, createRevision: revision, modRevision: revision, version: 1, lease: '0' };
}
