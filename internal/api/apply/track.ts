import type { ManagedFieldsEntry } from '../generated/types/meta-v1.ts';
import { asObject, type KubeObject } from '../object.ts';
import { jsonEqual } from '../patch/json.ts';
import type { StructSchema } from '../schema.ts';
import { zeroStruct } from '../strategy/zero.ts';
import { compareObjects, isSame, withoutFields } from './compare.ts';
import type { Comparison } from './compare.ts';
import { difference, fieldsOf, isEmpty, noFields, union } from './fields.ts';
import type { Fields } from './fields.ts';
import {
  capManagers,
  covers,
  decodeManaged,
  encodeManaged,
  identity,
  overlaps,
  takeFromOthers,
} from './managed.ts';
import type { Managed } from './managed.ts';
import { ElementError } from './typed.ts';
import type { TypedContext } from './typed.ts';

/** The kind as far as field ownership goes. KindInfo fits. */
export interface OwnedKind {
  group: string;
  version: string;
  kind: string;
  type: StructSchema;
  custom: boolean;
  /** Subresource ('' for the resource itself) -> dotted paths whose changes are dropped. */
  resetFields: Readonly<Record<string, readonly string[]>>;
}

export interface WriteContext {
  /** From `?fieldManager=`, or the front of the User-Agent. */
  manager: string;
  /** '' for the resource itself. */
  subresource: string;
  /** RFC 3339, whole seconds. */
  now: string;
}

const resets = new WeakMap<OwnedKind, Map<string, Fields>>();

/** Fields that a write to a subresource leaves alone, and so does not own. */
export function resetFields(kind: OwnedKind, subresource: string): Fields {
  let known = resets.get(kind);
  if (!known) resets.set(kind, (known = new Map()));
  let fields = known.get(subresource);
  if (!fields) known.set(subresource, (fields = fieldsOf(kind.resetFields[subresource] ?? [])));
  return fields;
}

/** How a kind looks before anything was written to it. */
export function emptyObject(kind: OwnedKind): KubeObject {
  return asObject(kind.custom ? {} : zeroStruct(kind.type));
}

export const apiVersionOfKind = (kind: OwnedKind): string =>
  kind.group ? `${kind.group}/${kind.version}` : kind.version;

/**
 * Notes who changed what in a create (`old` undefined), update or patch: sets
 * `object.metadata.managedFields` and returns the object. Costs little where little has changed.
 * `old` is not touched.
 */
export function trackUpdate(
  kind: OwnedKind,
  old: KubeObject | undefined,
  object: KubeObject,
  context: WriteContext,
): KubeObject {
  const managed = startOf(old, object, context.subresource !== '');
  delete object.metadata.managedFields;
  // An object that was not tracked from its beginning is left alone until someone applies it.
  if (managed.size === 0 && old?.metadata.uid) return object;
  const typed: TypedContext = { custom: kind.custom };
  const changes = changesOf(kind, old, object, typed);
  // Ownership cannot be told where items cannot: that is for validation to say, and then nobody
  // owns anything.
  if (!changes) return object;
  noteUpdate(
    managed,
    kind,
    withoutFields(changes, resetFields(kind, context.subresource)),
    context,
  );
  capManagers(managed);
  setManagedFields(object, managed, old);
  return object;
}

function changesOf(
  kind: OwnedKind,
  old: KubeObject | undefined,
  object: KubeObject,
  typed: TypedContext,
): Comparison | undefined {
  try {
    return compareObjects(kind.type, old ?? emptyObject(kind), object, typed);
  } catch (thrown) {
    if (thrown instanceof ElementError) return undefined;
    throw thrown;
  }
}

/**
 * The managers before this write. A client may bring its own managedFields, or empty ones to start
 * again.
 */
function startOf(
  old: KubeObject | undefined,
  object: KubeObject,
  isSubresource: boolean,
): Map<string, Managed> {
  const live = (): Map<string, Managed> => decodeManaged(old?.metadata.managedFields) ?? new Map();
  if (isSubresource) return live();
  const given = object.metadata.managedFields as ManagedFieldsEntry[] | null | undefined;
  if (given && isReset(given)) return new Map();
  const managed = decodeManaged(given);
  return managed && managed.size > 0 ? managed : live();
}

function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  return (
    entries.length === 0 || (entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0)
  );
}

/** Gives the changed fields to the manager and takes them from all others. */
export function noteUpdate(
  managed: Map<string, Managed>,
  kind: OwnedKind,
  changes: Comparison,
  context: WriteContext,
): void {
  if (isSame(changes)) return;
  const self: Managed = {
    manager: context.manager || 'unknown',
    operation: 'Update',
    apiVersion: apiVersionOfKind(kind),
    subresource: context.subresource,
    time: context.now,
    fields: noFields,
    source: undefined,
  };
  const id = identity(self);
  const owned = union(changes.modified, changes.added);
  takeFromOthers(managed, id, owned);
  takeFromOthers(managed, id, changes.removed);
  const before = managed.get(id);
  let fields = before?.fields ?? noFields;
  if (overlaps(fields, changes.removed)) fields = difference(fields, changes.removed);
  if (!isEmpty(owned) && !covers(fields, owned)) fields = union(fields, owned);
  if (isEmpty(fields)) managed.delete(id);
  else
    managed.set(id, {
      ...self,
      time: isEmpty(owned) ? before?.time : context.now,
      fields,
      source: before?.source,
    });
}

/**
 * Writes the managers into the object; the old entries stay, with their times, where nothing but
 * time has changed.
 */
export function setManagedFields(
  object: KubeObject,
  managed: ReadonlyMap<string, Managed>,
  old: KubeObject | undefined,
): void {
  if (managed.size === 0) {
    delete object.metadata.managedFields;
    return;
  }
  const entries = encodeManaged(managed);
  const was = old?.metadata.managedFields;
  object.metadata.managedFields =
    was && sameButTime(entries, was) && old && sameObject(object, old) ? was : entries;
}

function sameButTime(a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean {
  return (
    a.length === b.length &&
    a.every((entry, i) => {
      const other = b[i];
      return (
        entry === other ||
        (other !== undefined &&
          identity(entry as Managed) === identity(other as Managed) &&
          entry.apiVersion === other.apiVersion &&
          jsonEqual(entry.fieldsV1, other.fieldsV1))
      );
    })
  );
}

/** Equal but for managedFields, resourceVersion and generation. */
function sameObject(a: KubeObject, b: KubeObject): boolean {
  const bare = (object: KubeObject): unknown => {
    const {
      managedFields: _fields,
      resourceVersion: _version,
      generation: _generation,
      ...metadata
    } = object.metadata;
    return { ...object, metadata };
  };
  return jsonEqual(bare(a), bare(b));
}
