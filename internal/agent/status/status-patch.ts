import { equalAs, equalField } from '../../api/equality.ts';
import { table } from '../../base/own.ts';
import type { PodStatus } from '../../api/generated/types/core-v1.ts';

type Json = Record<string, unknown>;

/** Lists that a strategic merge patch merges by key; all others are replaced. */
const mergeKeys: Record<string, { key: string; type: string }> = table({
  conditions: { key: 'type', type: '@core.v1.PodCondition' },
  podIPs: { key: 'ip', type: '@core.v1.PodIP' },
  hostIPs: { key: 'ip', type: '@core.v1.HostIP' },
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
    if (equalField('@core.v1.PodStatus', field, before[field], after[field])) continue;
    const merged = mergeKeys[field];
    if (merged) {
      const list = listPatch(
        (before[field] ?? []) as Json[],
        (after[field] ?? []) as Json[],
        merged,
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
  { key, type }: { key: string; type: string },
  owned: ReadonlySet<string> | undefined,
): Json[] {
  const patch: Json[] = [];
  for (const item of after) {
    const old = before.find((b) => b[key] === item[key]);
    if (old && equalAs(type, old, item)) continue;
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
