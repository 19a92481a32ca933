import { own } from '../../base/own.ts';
import type { ManagedFieldsEntry } from '../generated/types/meta-v1.ts';
import { isDict } from '../loose.ts';
import { absorb, difference, isEmpty, noFields, sorted } from './fields.ts';
import type { Fields } from './fields.ts';

/**
 * More managers that update than this are merged, oldest first, into one entry: managedFields must
 * not grow without end.
 */
const maxUpdateManagers = 10;
const ancientManager = 'ancient-changes';

/** One manager's fields. */
export interface Managed {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time: string | undefined;
  fields: Fields;
  /** The entry this was read from; written again as it is while nothing changes. */
  source: ManagedFieldsEntry | undefined;
}

/** The identity of a manager: an applier is the same in every version. */
export function identity(
  entry: Pick<Managed, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const { manager, operation, apiVersion, subresource } = entry;
  return JSON.stringify({
    ...(manager ? { manager } : {}),
    operation,
    ...(operation === 'Update' && apiVersion ? { apiVersion } : {}),
    ...(subresource ? { subresource } : {}),
  });
}

/** Reads managedFields. Undefined when an entry makes no sense: then nothing of it is believed. */
export function decodeManaged(
  entries: readonly ManagedFieldsEntry[] | null | undefined,
): Map<string, Managed> | undefined {
  const managed = new Map<string, Managed>();
  for (const entry of entries ?? []) {
    if (
      (entry.operation !== 'Apply' && entry.operation !== 'Update') ||
      !entry.apiVersion ||
      entry.fieldsType !== 'FieldsV1'
    )
      return undefined;
    const fields = (entry.fieldsV1 ?? noFields) as Fields;
    if (!isDict(fields)) return undefined;
    const one: Managed = {
      manager: entry.manager ?? '',
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      subresource: entry.subresource ?? '',
      time: entry.time,
      fields,
      source: entry,
    };
    managed.set(identity(one), one);
  }
  return managed;
}

/** In Kubernetes' order: appliers first, then by age and name. */
export function encodeManaged(managed: ReadonlyMap<string, Managed>): ManagedFieldsEntry[] {
  return [...managed.values()].sort(order).map((one) => {
    const same =
      one.source &&
      one.source.fieldsV1 === one.fields &&
      one.source.time === one.time &&
      one.source.apiVersion === one.apiVersion;
    return same && one.source ? one.source : entryOf(one);
  });
}

function entryOf(one: Managed): ManagedFieldsEntry {
  const fieldsV1 = one.source?.fieldsV1 === one.fields ? one.fields : sorted(one.fields);
  return {
    manager: one.manager,
    operation: one.operation,
    apiVersion: one.apiVersion,
    ...(one.time === undefined ? {} : { time: one.time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(one.subresource ? { subresource: one.subresource } : {}),
  } as ManagedFieldsEntry;
}

const seconds = (time: string | undefined): number =>
  time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function order(a: Managed, b: Managed): number {
  return (
    text(a.operation, b.operation) ||
    seconds(a.time) - seconds(b.time) ||
    text(a.manager, b.manager) ||
    text(a.apiVersion, b.apiVersion) ||
    text(a.subresource, b.subresource)
  );
}

/** Changes the fields of a manager; one that owns nothing is forgotten. */
function setFields(managed: Map<string, Managed>, id: string, fields: Fields): void {
  const one = managed.get(id);
  if (!one || one.fields === fields) return;
  if (isEmpty(fields)) managed.delete(id);
  else managed.set(id, { ...one, fields });
}

/** Takes fields away from every manager but one. */
export function takeFromOthers(
  managed: Map<string, Managed>,
  except: string | undefined,
  taken: Fields,
): void {
  if (isEmpty(taken)) return;
  for (const [id, one] of [...managed]) {
    if (id === except || !overlaps(one.fields, taken)) continue;
    setFields(managed, id, difference(one.fields, taken));
  }
}

/**
 * Any path of `taken` is a member of `fields`: spares rebuilding sets that nothing is taken from.
 */
export function overlaps(fields: Fields, taken: Fields): boolean {
  for (const key in taken) {
    const [mine, other] = [own(fields, key), taken[key]];
    if (key === '.' || mine === undefined || other === undefined) continue;
    if ((isEmpty(mine) || '.' in mine) && (isEmpty(other) || '.' in other)) return true;
    if (overlaps(mine, other)) return true;
  }
  return false;
}

/** Every path of `part` is in `fields`. */
export function covers(fields: Fields, part: Fields): boolean {
  for (const key in part) {
    const [mine, other] = [own(fields, key), part[key] as Fields];
    if (key === '.') continue;
    if (mine === undefined) return false;
    if ((isEmpty(other) || '.' in other) && !(isEmpty(mine) || '.' in mine)) return false;
    if (!covers(mine, other)) return false;
  }
  return true;
}

/** Merges the oldest updaters of each version into one entry until few enough are left. */
export function capManagers(managed: Map<string, Managed>): void {
  const updaters = [...managed].filter(([, one]) => one.operation === 'Update');
  let left = updaters.length;
  if (left <= maxUpdateManagers) return;
  updaters.sort(([idA, a], [idB, b]) => seconds(a.time) - seconds(b.time) || text(idA, idB));
  const firstOf = new Map<string, string>();
  // Grown in place: a union for each of many managers would copy what the earlier ones left again
  // and again.
  const buckets = new Map<string, Fields>();
  for (const [id, one] of updaters) {
    if (left <= maxUpdateManagers) return;
    const bucket: Managed = {
      manager: ancientManager,
      operation: 'Update',
      apiVersion: one.apiVersion,
      subresource: '',
      time: one.time,
      fields: noFields,
      source: undefined,
    };
    const bucketId = identity(bucket);
    const first = firstOf.get(one.apiVersion);
    if (first === undefined) {
      firstOf.set(one.apiVersion, id);
      continue;
    }
    let merged = buckets.get(bucketId);
    if (!merged) {
      const known = managed.get(bucketId) ?? managed.get(first);
      if (!managed.has(bucketId)) managed.delete(first);
      merged = {};
      absorb(merged, known?.fields ?? noFields);
      buckets.set(bucketId, merged);
    }
    absorb(merged, one.fields);
    managed.set(bucketId, { ...bucket, fields: merged });
    managed.delete(id);
    left--;
  }
}
