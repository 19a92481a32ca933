import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '../../api/generated/types/apiextensions-v1.ts';
import { withCondition, type Condition } from '../../api/crd/conditions.ts';

type Status = CustomResourceDefinitionStatus;

/** Which names a definition gets, and whether it may serve (apiextensions status controller). */
export function acceptNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): Status {
  const wanted = definition.spec.names;
  const taken = new Set<string>();
  const kinds = new Set<string>();
  for (const other of others) {
    const names = other.status?.acceptedNames;
    if (!names) continue;
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])])
      if (name) taken.add(name);
    for (const kind of [names.kind, names.listKind]) if (kind) kinds.add(kind);
  }
  const problem = conflictIn(wanted, taken, kinds);
  const accepted = problem
    ? (definition.status?.acceptedNames ?? { plural: '', kind: '' })
    : wanted;
  let status: Status = { ...(definition.status ?? {}), acceptedNames: { ...accepted } } as Status;
  status = withCondition(
    status,
    problem ?? {
      type: 'NamesAccepted',
      status: 'True',
      reason: 'NoConflicts',
      message: 'no conflicts found',
    },
    now,
  );
  const established = status.conditions?.some(
    (one) => one.type === 'Established' && one.status === 'True',
  );
  if (!established) {
    status = withCondition(
      status,
      problem
        ? {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          }
        : {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          },
      now,
    );
  }
  return status;
}

function conflictIn(
  names: CustomResourceDefinitionNames,
  taken: ReadonlySet<string>,
  kinds: ReadonlySet<string>,
): Condition | undefined {
  const fail = (reason: string, name: string): Condition => ({
    type: 'NamesAccepted',
    status: 'False',
    reason,
    message: `${JSON.stringify(name)} is already in use`,
  });
  if (taken.has(names.plural)) return fail('PluralConflict', names.plural);
  if (names.singular && taken.has(names.singular)) return fail('SingularConflict', names.singular);
  for (const short of names.shortNames ?? [])
    if (taken.has(short)) return fail('ShortNamesConflict', short);
  if (kinds.has(names.kind)) return fail('KindConflict', names.kind);
  if (names.listKind && kinds.has(names.listKind)) return fail('ListKindConflict', names.listKind);
  return undefined;
}
