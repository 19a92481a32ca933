import { table } from '../../base/own.ts';
import type { PodCondition, PodStatus } from '../../api/generated/types/core-v1.ts';

type Json = Record<string, unknown>;

/** Lists that a strategic merge patch merges by key; all others are replaced. */
const mergeKeys: Record<string, string> = table({
  conditions: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
});

/**
 * The strategic merge patch from `old` (what the API shows) to `next`, or undefined when nothing
 * differs. Conditions that `next` does not name are left alone unless they are in `owned`.
 */
export function statusPatch(
  old: PodStatus,
  next: PodStatus,
  owned: ReadonlySet<string>,
): Json | undefined {
  const patch: Json = {};
  const before = old as Json;
  const after = next as Json;
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (same(before[field], after[field])) continue;
    const key = mergeKeys[field];
    if (key) {
      const list = listPatch(
        (before[field] ?? []) as Json[],
        (after[field] ?? []) as Json[],
        key,
        field === 'conditions' ? owned : undefined,
      );
      if (list.length > 0) patch[field] = list;
    } else if (after[field] === undefined) {
      if (!keptFields.has(field)) patch[field] = null;
    } else patch[field] = after[field];
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** Written by others: the scheduler and the resource claim controllers. */
const keptFields = new Set([
  'nominatedNodeName',
  'resourceClaimStatuses',
  'extendedResourceClaimStatus',
  'nodeAllocatableResourceClaimStatuses',
]);

function listPatch(
  before: Json[],
  after: Json[],
  key: string,
  owned: ReadonlySet<string> | undefined,
): Json[] {
  const patch: Json[] = [];
  for (const item of after) {
    const old = before.find((b) => b[key] === item[key]);
    if (same(old, item)) continue;
    const change: Json = { ...item };
    for (const field in old) if (!(field in item)) change[field] = null; // a merge would keep it
    patch.push(change);
  }
  for (const item of before) {
    const name = item[key] as string;
    if (after.some((a) => a[key] === name)) continue;
    if (!owned || owned.has(name)) patch.push({ $patch: 'delete', [key]: name });
  }
  return patch;
}

/** Deep equality of JSON where an absent field equals null, an empty list and an empty object. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((v, i) => same(v, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
    if (!same(a[key], b[key])) return false;
  return true;
}

function isObject(v: unknown): v is Json {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}

function isEmpty(v: unknown): boolean {
  return (
    v === undefined ||
    v === null ||
    (Array.isArray(v) ? v.length === 0 : typeof v === 'object' && Object.keys(v).length === 0)
  );
}

export function conditionOf(status: PodStatus | undefined, type: string): PodCondition | undefined {
  return status?.conditions?.find((c) => c.type === type);
}
