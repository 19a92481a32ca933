import type { NamespaceCondition } from '../../api/generated/types/core-v1.ts';
import { timeOf } from '../../api/times.ts';

/** What a deletion pass left behind. */
export interface Remains {
  /** `pods.` (resource.group) to how many objects. */
  resources: Map<string, number>;
  finalizers: Map<string, number>;
  errors: string[];
}

const fine: [type: string, reason: string, message: string][] = [
  [
    'NamespaceDeletionDiscoveryFailure',
    'ResourcesDiscovered',
    'All resources successfully discovered',
  ],
  [
    'NamespaceDeletionGroupVersionParsingFailure',
    'ParsedGroupVersions',
    'All legacy kube types successfully parsed',
  ],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  [
    'NamespaceFinalizersRemaining',
    'ContentHasNoFinalizers',
    'All content-preserving finalizers finished',
  ],
];

/** The conditions of a terminating namespace, or undefined when they stay as they are. */
export function deletionConditions(
  old: NamespaceCondition[],
  remains: Remains,
  podsOnly: boolean,
  nowMs: number,
): NamespaceCondition[] | undefined {
  const bad = new Map<string, [string, string]>();
  const { errors, resources, finalizers } = remains;
  if (errors.length > 0) {
    bad.set('NamespaceDeletionContentFailure', [
      'ContentDeletionFailed',
      `Failed to delete all resource types, ${errors.length} remaining: ` +
        `${[...errors].sort().join(', ')}`,
    ]);
  }
  // While only pods have been deleted so far, what else remains is not known.
  if (!podsOnly && resources.size > 0) {
    const list = [...resources]
      .map(([what, count]) => `${what} has ${count} resource instances`)
      .sort();
    bad.set('NamespaceContentRemaining', [
      'SomeResourcesRemain',
      `Some resources are remaining: ${list.join(', ')}`,
    ]);
  }
  if (!podsOnly && finalizers.size > 0) {
    const list = [...finalizers]
      .map(([what, count]) => `${what} in ${count} resource instances`)
      .sort();
    bad.set('NamespaceFinalizersRemaining', [
      'SomeFinalizersRemain',
      `Some content in the namespace has finalizers remaining: ${list.join(', ')}`,
    ]);
  }
  let changed = false;
  const next = new Map(old.map((c) => [c.type, c]));
  for (const [type, okReason, okMessage] of fine) {
    const [status, [reason, message]] = bad.has(type)
      ? ['True', bad.get(type)!]
      : ['False', [okReason, okMessage]];
    const present = next.get(type);
    if (
      present &&
      present.status === status &&
      present.reason === reason &&
      present.message === message
    )
      continue;
    changed = true;
    const lastTransitionTime =
      present && present.status === status ? present.lastTransitionTime : timeOf(nowMs);
    next.set(type, { type, status: status!, lastTransitionTime, reason, message });
  }
  return changed ? [...next.values()] : undefined;
}
