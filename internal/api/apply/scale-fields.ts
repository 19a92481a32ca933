import { own } from '../../base/own.ts';
import type { ManagedFieldsEntry } from '../generated/types/meta-v1.ts';
import { difference, fieldsOf, isEmpty, union, type Fields } from './fields.ts';
import { decodeManaged, encodeManaged, identity, type Managed } from './managed.ts';

/**
 * Who owns the number of replicas, seen from a Scale and from the object that has the number
 * (apimachinery util/managedfields/scalehandler.go). Upstream tells an updater apart by version, so
 * that one who wrote the whole object may come back as two entries of one name; here he stays one.
 */
const scaleVersion = 'autoscaling/v1';
const inScale = fieldsOf(['spec.replicas']);

/** managedFields of a Scale: of those entries of its object that own the number of replicas. */
export function scaleManagers(
  entries: readonly ManagedFieldsEntry[] | null | undefined,
  replicasPath: string,
): ManagedFieldsEntry[] {
  const path = replicasPath.split('.');
  const shown = new Map<string, Managed>();
  for (const one of decodeManaged(entries)?.values() ?? []) {
    if (!has(one.fields, path)) continue;
    const seen = { ...one, apiVersion: scaleVersion, fields: inScale, source: undefined };
    shown.set(identity(seen), seen);
  }
  return encodeManaged(shown);
}

/**
 * The object's managedFields once its Scale was written: who no longer owns the number there loses
 * it here, and who owns it there has it in an entry of `apiVersion`.
 */
export function objectManagers(
  entries: readonly ManagedFieldsEntry[] | null | undefined,
  scaleEntries: readonly ManagedFieldsEntry[] | null | undefined,
  target: { replicasPath: string; apiVersion: string },
): ManagedFieldsEntry[] {
  const path = target.replicasPath.split('.');
  const replicas = fieldsOf([target.replicasPath]);
  const owners = new Map<string, Managed>();
  for (const one of decodeManaged(scaleEntries)?.values() ?? [])
    if (has(one.fields, ['spec', 'replicas'])) owners.set(ownerOf(one), one);
  const next = new Map<string, Managed>();
  for (const [id, one] of decodeManaged(entries) ?? []) {
    const owns = has(one.fields, path);
    if (owns && owners.delete(ownerOf(one))) next.set(id, one);
    else {
      const fields = owns ? difference(one.fields, replicas) : one.fields;
      if (!isEmpty(fields)) next.set(id, { ...one, fields });
    }
  }
  for (const one of owners.values()) {
    const made = { ...one, apiVersion: target.apiVersion, source: undefined };
    const id = identity(made);
    const before = next.get(id);
    next.set(id, { ...made, fields: before ? union(before.fields, replicas) : replicas });
  }
  return encodeManaged(next);
}

/** The manager, whichever version it wrote in. */
const ownerOf = (one: Managed): string => identity({ ...one, apiVersion: '' });

function has(fields: Fields, path: readonly string[]): boolean {
  let here: Fields | undefined = fields;
  for (const name of path) here = here && own(here, `f:${name}`);
  return here !== undefined;
}
