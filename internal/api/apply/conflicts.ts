import type { StatusCause } from '../generated/types/meta-v1.ts';
import { ApiError } from '../status.ts';
import { pathText } from './fields.ts';
import { identity } from './managed.ts';
import type { Managed } from './managed.ts';

/** A field that a configuration would change although another manager owns it. */
export interface Conflict {
  manager: Managed;
  path: readonly string[];
}

/** 409 with a cause for each field: kubectl prints them and says how to go on. */
export function conflictError(found: readonly Conflict[]): ApiError {
  const rank = new Map(found.map(({ manager }) => [manager, identity(manager)]));
  const conflicts = [...found].sort((a, b) =>
    (rank.get(a.manager) ?? '') < (rank.get(b.manager) ?? '')
      ? -1
      : a.manager === b.manager
        ? 0
        : 1,
  );
  const causes = conflicts.map(
    ({ manager, path }) =>
      ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${managerText(manager)}`,
        field: pathText(path),
      }) as StatusCause,
  );
  return new ApiError('Conflict', conflictText(conflicts), { details: { causes } });
}

function conflictText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first)
    return (
      `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ` +
      `${pathText(first.path)}`
    );
  const byManager = new Map<string, Conflict[]>();
  for (const conflict of conflicts) {
    const id = identity(conflict.manager);
    byManager.set(id, [...(byManager.get(id) ?? []), conflict]);
  }
  const lines = [...byManager.keys()].sort().flatMap((id) => {
    const own = byManager.get(id) ?? [];
    return [
      `conflicts with ${managerText((own[0] as Conflict).manager)}:`,
      ...own.map(({ path }) => `- ${pathText(path)}`),
    ];
  });
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function managerText({ manager, operation, apiVersion, subresource }: Managed): string {
  const name = subresource
    ? `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`
    : JSON.stringify(manager);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
