import { rows } from '../generated/kinds.ts';
import type { AnyKind } from './kind.ts';

const byName = new Map(rows.map((row) => [`${row.group}/${row.kind}`, row]));

/** The row of a built-in kind; undefined for custom kinds and those that are only spoken. */
export function kindOf(ref: {
  group: string;
  kind: string;
  custom?: boolean | undefined;
}): AnyKind | undefined {
  return ref.custom ? undefined : byName.get(`${ref.group}/${ref.kind}`);
}

/** Every built-in kind, whether it is served by default or not. */
export function allKinds(): readonly AnyKind[] {
  return rows;
}
