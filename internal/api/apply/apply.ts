import { dictOf, isDict, textOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { asObject, type KubeObject } from '../object.ts';
import { jsonEqual } from '../patch/json.ts';
import { ApiError, badRequest } from '../status.ts';
import { compareObjects, withoutFields, systemFields } from './compare.ts';
import type { Comparison } from './compare.ts';
import { conflictError } from './conflicts.ts';
import type { Conflict } from './conflicts.ts';
import {
  difference,
  fieldsOf,
  intersection,
  isEmpty,
  noFields,
  paths,
  pathText,
  recursiveDifference,
  union,
} from './fields.ts';
import type { Fields } from './fields.ts';
import { mergeTyped } from './merge-typed.ts';
import { decodeManaged, identity, takeFromOthers } from './managed.ts';
import type { Managed } from './managed.ts';
import { removeFields } from './remove-fields.ts';
import { toFields, withNamedParents } from './to-fields.ts';
import {
  apiVersionOfKind,
  emptyObject,
  noteUpdate,
  resetFields,
  setManagedFields,
} from './track.ts';
import type { OwnedKind, WriteContext } from './track.ts';
import type { TypedContext } from './typed.ts';
import { typedErrors, typedErrorText } from './validate-typed.ts';

export { trackUpdate } from './track.ts';
export type { OwnedKind, WriteContext } from './track.ts';

export interface ApplyContext extends WriteContext {
  /** Take fields from other managers instead of failing. */
  force: boolean;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** Never owned by any manager. */
const strippedFields = fieldsOf([
  'apiVersion',
  'kind',
  'metadata',
  ...[...systemFields].map((f) => `metadata.${f}`),
]);

/**
 * Server-side apply: merges a configuration into the live object (undefined: it is created),
 * removes what the manager applied before and no longer does, and notes who owns what. The result
 * is not defaulted yet; it shares structure with both inputs, which stay as they are. Throws
 * Conflict with one cause for each field that another manager owns.
 */
export function applyPatch(
  kind: OwnedKind,
  live: KubeObject | undefined,
  patch: unknown,
  context: ApplyContext,
): KubeObject {
  const config = checked(kind, patch);
  const base = live ?? emptyObject(kind);
  const managed = decodeManaged(base.metadata?.managedFields);
  if (!managed) throw new ApiError('', 'failed to decode managed fields');
  if (managed.size === 0 && live) noteBeforeFirstApply(managed, kind, live, context);
  const force = context.force || allowedByLastApplied(kind, base, config, managed, context);
  const result = run(kind, base, config, managed, { ...context, force });
  const object = {
    ...(result.object as KubeObject),
    metadata: { ...(result.object as KubeObject).metadata },
  };
  if (context.manager === 'kubectl') refreshLastApplied(object, config);
  delete object.metadata.managedFields;
  setManagedFields(object, result.managed, live);
  return object;
}

function checked(kind: OwnedKind, patch: unknown): KubeObject {
  if (!isDict(patch)) throw badRequest('error decoding YAML: the patch must be an object');
  const slash = textOf(patch['apiVersion']).lastIndexOf('/');
  const [group, version] = [
    textOf(patch['apiVersion']).slice(0, Math.max(0, slash)),
    textOf(patch['apiVersion']).slice(slash + 1),
  ];
  if (group !== kind.group || version !== kind.version || patch['kind'] !== kind.kind) {
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${textOf(patch['kind'])}`);
  }
  const metadata = dictOf(patch['metadata']);
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null)
    throw badRequest('metadata.managedFields must be nil');
  const errors = typedErrors(kind.type, patch);
  if (errors.length > 0) {
    const who =
      `${textOf(metadata['namespace'])}/${textOf(metadata['name'])}; ${group}/${version}, ` +
      `Kind=${kind.kind}`;
    throw new ApiError(
      '',
      `failed to create typed patch object (${who}): ${typedErrorText(errors)}`,
    );
  }
  return asObject(patch);
}

/** What is there when the first configuration comes belongs to a manager of that name. */
function noteBeforeFirstApply(
  managed: Map<string, Managed>,
  kind: OwnedKind,
  live: KubeObject,
  context: WriteContext,
): void {
  const changes = compareObjects(kind.type, emptyObject(kind), live, { custom: kind.custom });
  noteUpdate(managed, kind, withoutFields(changes, resetFields(kind, context.subresource)), {
    ...context,
    manager: 'before-first-apply',
  });
}

interface Applied {
  object: unknown;
  managed: Map<string, Managed>;
}

function run(
  kind: OwnedKind,
  live: KubeObject,
  config: KubeObject,
  before: ReadonlyMap<string, Managed>,
  context: ApplyContext,
): Applied {
  const typed: TypedContext = { custom: kind.custom };
  const managed = new Map(before);
  const self: Managed = {
    manager: context.manager,
    operation: 'Apply',
    apiVersion: apiVersionOfKind(kind),
    subresource: context.subresource,
    time: undefined,
    fields: noFields,
    source: undefined,
  };
  const id = identity(self);
  const last = managed.get(id);
  const ignored = resetFields(kind, context.subresource);
  const applied = recursiveDifference(toFields(kind.type, config, typed), ignored);
  managed.set(id, { ...self, time: last?.time, fields: applied });
  const merged = mergeTyped(kind.type, live, config, typed);
  const object = prune(kind, merged, last?.fields ?? noFields, managed, typed);
  const changes = withoutFields(compareObjects(kind.type, live, object, typed), ignored);
  settle(managed, id, changes, context.force);
  const fields = difference(applied, strippedFields);
  if (isEmpty(fields)) managed.delete(id);
  else
    managed.set(id, {
      ...self,
      time: last?.time,
      fields: sameFields(fields, last),
      source: last?.source,
    });
  if (sameButSystem(live, object)) return { object: live, managed };
  const own = managed.get(id);
  if (own) managed.set(id, { ...own, time: context.now });
  return { object, managed };
}

/** The very set of before where nothing changed, so that its entry is written as it was. */
function sameFields(fields: Fields, last: Managed | undefined): Fields {
  return last && jsonEqual(last.fields, fields) ? last.fields : fields;
}

function sameButSystem(live: KubeObject, object: unknown): boolean {
  return jsonEqual(withoutNulls(live), withoutNulls(object));
}

/** Null and "not there" mean the same to readers of the object. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isDict(value)) return value;
  const result: Dict = {};
  for (const key in value)
    if (value[key] !== null && value[key] !== undefined) result[key] = withoutNulls(value[key]);
  return result;
}

/** Finds conflicts with other managers, then takes from them what changed. */
function settle(
  managed: Map<string, Managed>,
  id: string,
  changes: Comparison,
  force: boolean,
): void {
  const touched = union(changes.modified, changes.added);
  const conflicts: Conflict[] = [];
  for (const [other, one] of managed) {
    if (other === id) continue;
    for (const path of paths(intersection(one.fields, touched)))
      conflicts.push({ manager: one, path });
  }
  if (!force && conflicts.length > 0) throw conflictError(conflicts);
  takeFromOthers(managed, id, touched);
  takeFromOthers(managed, id, changes.removed);
}

/**
 * Removes what the manager applied last time and no longer does, unless someone else owns it too.
 */
function prune(
  kind: OwnedKind,
  merged: unknown,
  last: Fields,
  managed: ReadonlyMap<string, Managed>,
  typed: TypedContext,
): unknown {
  if (isEmpty(last)) return merged;
  const named = (set: Fields): Fields => withNamedParents(set, kind.type);
  const setOf = (value: unknown): Fields => named(toFields(kind.type, value, typed));
  const mergedSet = setOf(merged);
  let pruned = removeFields(kind.type, merged, named(last), typed);
  let owned: Fields = noFields;
  for (const one of managed.values()) owned = union(owned, one.fields);
  pruned = removeFields(
    kind.type,
    merged,
    difference(mergedSet, union(setOf(pruned), named(owned))),
    typed,
  );
  // Items that hang on something removed, but were never the manager's, stay.
  return removeFields(
    kind.type,
    merged,
    intersection(difference(mergedSet, setOf(pruned)), named(last)),
    typed,
  );
}

/**
 * kubectl that moves from client-side to server-side apply may take the fields that its own
 * annotation says it set, as long as they still have the value it gave them.
 */
function allowedByLastApplied(
  kind: OwnedKind,
  live: KubeObject,
  config: KubeObject,
  managed: ReadonlyMap<string, Managed>,
  context: ApplyContext,
): boolean {
  const text = live.metadata?.annotations?.[lastApplied];
  if (context.manager !== 'kubectl' || context.force || !text) return false;
  try {
    run(kind, live, config, managed, context);
    return false;
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.reason !== 'Conflict') throw thrown;
    const allowed = lastAppliedFields(kind, live, text);
    return (thrown.details?.causes ?? []).every((cause) => allowed.has(cause.field ?? ''));
  }
}

function lastAppliedFields(kind: OwnedKind, live: KubeObject, text: string): Set<string> {
  try {
    const typed: TypedContext = { custom: kind.custom };
    const applied = JSON.parse(text) as KubeObject;
    if (applied.apiVersion !== apiVersionOfKind(kind)) return new Set();
    const changes = compareObjects(kind.type, applied, live, typed);
    const kept = difference(
      difference(difference(toFields(kind.type, applied, typed), changes.modified), changes.added),
      changes.removed,
    );
    return new Set([...paths(kept)].map(pathText));
  } catch {
    return new Set();
  }
}

function refreshLastApplied(object: KubeObject, config: KubeObject): void {
  if (!object.metadata.annotations?.[lastApplied]) return;
  const { [lastApplied]: _old, ...annotations } = config.metadata.annotations ?? {};
  const bare = {
    ...config,
    metadata: {
      ...config.metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
  if (Object.keys(annotations).length === 0) delete bare.metadata.annotations;
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [lastApplied]: `${JSON.stringify(sortedKeys(bare))}\n`,
  };
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  return isDict(value)
    ? Object.fromEntries(
        Object.keys(value)
          .sort()
          .map((key) => [key, sortedKeys(value[key])]),
      )
    : value;
}
