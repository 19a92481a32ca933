import type { Container } from '../generated/types/core-v1.ts';
import type { KubeObject } from '../object.ts';
import { humanDuration } from '../human-duration.ts';
import { formatSelector } from '../selectors.ts';
import type { LabelSelector } from '../generated/types/meta-v1.ts';

export type Cell = string | number | boolean | null;
/** The cells of an object. `now` in milliseconds. */
export type Cells = (object: KubeObject, now: number) => Cell[];

/** How long ago; `<unknown>` without a time. */
export function since(time: string | null | undefined, now: number): string {
  if (!time) return '<unknown>';
  const then = Date.parse(time);
  return Number.isNaN(then) ? '<invalid>' : humanDuration(now - then);
}

export function age(object: KubeObject, now: number): string {
  return since(object.metadata.creationTimestamp, now);
}

export function nameOf(object: KubeObject): string {
  return object.metadata.name ?? '';
}

/** `a=b,c=d` sorted, or `<none>`. */
export function labelsText(labels: Readonly<Record<string, string>> | null | undefined): string {
  const entries = Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return entries.join(',') || '<none>';
}

export function selectorText(selector: LabelSelector | null | undefined): string {
  return selector ? formatSelector(selector) : '';
}

/** Names and images of containers. */
export function containerCells(
  containers: readonly Container[] | null | undefined,
): [string, string] {
  const all = containers ?? [];
  return [all.map((c) => c.name).join(','), all.map((c) => c.image ?? '').join(',')];
}

/** The first three, and how many more. */
export function withMore(list: readonly string[], shown = 3): string {
  const head = list.slice(0, shown).join(',');
  return list.length > shown ? `${head} + ${list.length - shown} more...` : head || '<unset>';
}
