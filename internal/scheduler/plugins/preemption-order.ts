import type { Pod } from '../../api/generated/types/core-v1.ts';
import { priorityOf } from '../cache/pod-info.ts';

/** A node that would do if these pods went, the most important of them first. */
export interface Candidate {
  node: string;
  victims: Pod[];
  /** Victims whose disruption budget is used up. */
  violations: number;
}

const startOf = (pod: Pod): number =>
  Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') || 0;

/** More important first: higher priority, then running for longer. */
export const byImportance = (a: Pod, b: Pod): number =>
  priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b);

/** Added to priorities so that more victims of negative priority do not look better. */
const shift = 2 ** 31;

/**
 * The better candidate first: fewer broken budgets, a less important first victim, less importance
 * in all, fewer victims, and a first victim that has not run for long.
 */
export function byPreference(a: Candidate, b: Candidate): number {
  const highest = (c: Candidate): number => Math.max(...c.victims.map(priorityOf));
  const sum = (c: Candidate): number => c.victims.reduce((s, p) => s + priorityOf(p) + shift, 0);
  const earliest = (c: Candidate): number =>
    Math.min(...c.victims.filter((p) => priorityOf(p) === highest(c)).map(startOf));
  return (
    a.violations - b.violations ||
    highest(a) - highest(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    earliest(b) - earliest(a)
  );
}
