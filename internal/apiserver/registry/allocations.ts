import { Buffer } from 'node:buffer';
import { keyOf as storeKey, type Compare, type Op, type OpResponse } from '../../store/store.ts';

/**
 * Things of which a cluster has one each (an address, a port), as keys that a write takes and gives
 * back in its own transaction: an allocation is there exactly as long as the object that holds the
 * thing, whichever server wrote it.
 */
export interface Allocations {
  take: string[];
  free: string[];
  /** The holder, for whoever inspects them. */
  owner: string;
}

/** Outside /registry: no API object. */
export const allocationPrefix = storeKey('/skiff/claims/');

/**
 * Another object holds what a write wants to take. The writer marks it as taken and tries again
 * with something else.
 */
export class AllocationTaken extends Error {
  readonly keys: string[];

  constructor(keys: string[]) {
    super(`already taken: ${keys.join(', ')}`);
    this.keys = keys;
  }
}

export const allocationCompares = (allocations: Allocations | undefined): Compare[] =>
  (allocations?.take ?? []).map((key) => ({ key, target: 'MOD', result: 'EQUAL', operand: 0 }));

export const allocationOps = (allocations: Allocations | undefined): Op[] => [
  ...(allocations?.take ?? []).map((key): Op => ({
    op: 'put',
    key,
    value: Buffer.from(allocations?.owner ?? ''),
  })),
  ...(allocations?.free ?? []).map((key): Op => ({ op: 'delete', key })),
];

/** What a failed transaction looks at, in the place of its writes. */
export const allocationReads = (allocations: Allocations | undefined): Op[] =>
  (allocations?.take ?? []).map((key) => ({ op: 'range', key, keysOnly: true }));

export function checkAllocations(responses: readonly OpResponse[]): void {
  const taken = responses.flatMap((one) => (one.op === 'range' ? one.kvs.map((kv) => kv.key) : []));
  if (taken.length > 0) throw new AllocationTaken(taken);
}
