import { own, setOwn } from '../../base/own.ts';
import { deepCopy } from '../object.ts';
import type { Schema } from '../schema.ts';
import { badRequest } from '../status.ts';
import type { ApiError } from '../status.ts';
import { failure, goText, goType, isDict } from './go-values.ts';
import { jsonKind } from './json.ts';
import { lookupField } from './patch-meta.ts';
import type { PatchMeta } from './patch-meta.ts';
import {
  elementKind,
  inOrder,
  mapWithKey,
  mergeKeyOf,
  orderedAs,
  partition,
} from './patch-order.ts';

type Dict = Record<string, unknown>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const setOrder = '$setElementOrder/';
const deleteFrom = '$deleteFromPrimitiveList/';

const badRetainKeys = (): ApiError => badRequest('invalid patch format of retainKeys');

/**
 * Applies a strategic merge patch (apimachinery strategicpatch) and returns the new document; the
 * inputs stay as they are. Lists merge by the keys that `schema` declares, in the order that the
 * patch asks for.
 */
export function applyStrategicPatch(document: unknown, patch: unknown, schema: Schema): unknown {
  if (!isDict(patch))
    throw badRequest(
      `json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`,
    );
  return mergeMap(deepCopy(isDict(document) ? document : {}), deepCopy(patch), schema);
}

/** Both arguments are private copies and are used up. */
function mergeMap(original: Dict, patch: Dict, schema: Schema): Dict {
  if (Object.hasOwn(patch, directive)) return replaceMap(patch);
  applyRetainKeys(original, patch);
  for (const key of Object.keys(patch))
    if (key.startsWith(setOrder)) mergeOrdered(original, patch, key, schema);
  for (const [patchKey, value] of Object.entries(patch)) {
    const deleting = patchKey.startsWith(deleteFrom);
    const key = deleting ? patchKey.slice(deleteFrom.length) : patchKey;
    if (deleting && key === '') throw badRequest('invalid patch format of primitive list');
    if (value === null) {
      delete original[key];
      continue;
    }
    const current = Object.hasOwn(original, key) ? original[key] : undefined;
    if (!sameKind(current, value)) {
      if (!deleting) setWithoutDirectives(original, key, withoutNulls(value));
    } else if (isDict(value)) {
      const meta = lookupField(schema, key);
      setOwn(
        original,
        key,
        meta.strategy === 'replace' ? value : mergeMap(current as Dict, value, meta.schema),
      );
    } else if (Array.isArray(value)) {
      setOwn(
        original,
        key,
        mergeListField(current as unknown[], value, lookupField(schema, key, 'list'), deleting),
      );
    } else {
      setOwn(original, key, value);
    }
  }
  return original;
}

function replaceMap(patch: Dict): Dict {
  const asked = patch[directive];
  delete patch[directive];
  if (asked === 'replace') return patch;
  if (asked === 'delete') return {};
  throw failure(
    `unknown patch type: ${goText(asked)} in map: ${goText({ [directive]: asked, ...patch })}`,
  );
}

function sameKind(a: unknown, b: unknown): boolean {
  return a !== undefined && a !== null && jsonKind(a) === jsonKind(b);
}

function applyRetainKeys(original: Dict, patch: Dict): void {
  if (!Object.hasOwn(patch, retainKeys)) return;
  const kept = patch[retainKeys];
  delete patch[retainKeys];
  if (!Array.isArray(kept)) throw badRetainKeys();
  const names = new Set<unknown>(kept);
  for (const [key, value] of Object.entries(patch)) {
    if (
      value !== null &&
      !key.startsWith(deleteFrom) &&
      !key.startsWith(setOrder) &&
      !names.has(key)
    )
      throw badRetainKeys();
  }
  for (const key of Object.keys(original)) if (!names.has(key)) delete original[key];
}

/**
 * One `$setElementOrder/x`: merges the list x, then orders it. The patch's own x is used up with
 * it.
 */
function mergeOrdered(original: Dict, patch: Dict, directiveKey: string, schema: Schema): void {
  const wanted = patch[directiveKey];
  delete patch[directiveKey];
  if (!Array.isArray(wanted))
    throw failure(`expected a []interface {}, but received a ${goType(wanted)}`);
  const key = directiveKey.slice(setOrder.length);
  const [current, change] = [listAt(original, key), listAt(patch, key)];
  const meta = lookupField(schema, key, 'list');
  if (change) checkAgainstOrder(change, wanted, meta.mergeKey);
  if (!current && !change) return;
  const merged =
    current && change
      ? mergeListField([...current], change, meta, false)
      : (current ?? (withoutDirectives(change) as unknown[]));
  const kind = elementKind(merged);
  const { inPatch, serverOnly } = partition(merged, wanted, meta.mergeKey);
  setOwn(
    original,
    key,
    kind === 'empty'
      ? []
      : orderedAs({
          inPatch,
          serverOnly,
          patchOrder: wanted,
          serverOrder: current ?? [],
          mergeKey: kind === 'map' ? meta.mergeKey : '',
        }),
  );
  delete patch[key];
}

function listAt(map: Dict, key: string): unknown[] | undefined {
  if (!Object.hasOwn(map, key)) return undefined;
  const list = map[key];
  if (!Array.isArray(list))
    throw failure(`expected a []interface {}, but received a ${goType(list)}`);
  return list;
}

/** What the patch adds or changes must stand in the wanted order, in that order. */
function checkAgainstOrder(change: unknown[], wanted: unknown[], mergeKey: string): void {
  if (wanted.length === 0 || change.length === 0) return;
  const kept = mergeKey
    ? change.filter((item) => mapWithKey(item)[directive] !== 'delete')
    : change;
  let at = 0;
  for (const next of wanted) {
    while (at < kept.length && isDict(kept[at]) && Object.hasOwn(kept[at] as Dict, directive)) at++;
    if (at >= kept.length) return;
    if (
      mergeKey ? mergeKeyOf(kept[at], mergeKey) === mergeKeyOf(next, mergeKey) : kept[at] === next
    )
      at++;
  }
  if (at < kept.length)
    throw failure(
      `The order in patch list:\n${goText(change)}\n doesn't match ${setOrder.slice(0, -1)} ` +
        `list:\n${goText(wanted)}\n`,
    );
}

function mergeListField(
  original: unknown[],
  change: unknown[],
  meta: PatchMeta,
  deleting: boolean,
): unknown[] {
  if (meta.strategy !== 'merge' && !deleting) return change;
  if (original.length === 0 && change.length === 0) return original;
  if (elementKind(original, change) !== 'map') {
    if (deleting) {
      const doomed = new Set(change);
      return original.filter((item) => !doomed.has(item));
    }
    const merged = [...new Set([...original, ...change])];
    const { inPatch, serverOnly } = partition(merged, change, '');
    return orderedAs({
      inPatch,
      serverOnly,
      patchOrder: change,
      serverOrder: original,
      mergeKey: '',
    });
  }
  if (!meta.mergeKey)
    throw failure(
      'cannot merge lists without merge key for ' +
        `${meta.schema.kind === 'struct' ? 'struct' : meta.schema.kind}`,
    );
  return mergeMaps(original, change, meta.mergeKey, meta.schema);
}

/** Lists of maps: first what `$patch` says about items, then item by item. */
function mergeMaps(
  original: unknown[],
  change: unknown[],
  mergeKey: string,
  schema: Schema,
): unknown[] {
  let base = [...original];
  const doomed = new Set<unknown>();
  let items: Dict[] = [];
  let replacing = false;
  for (const value of change) {
    const item = mapWithKey(value);
    const asked = item[directive];
    if (!Object.hasOwn(item, directive)) items.push(item);
    else if (asked === 'delete') doomed.add(mergeKeyOf(item, mergeKey));
    else if (asked === 'replace') replacing = true;
    else if (asked === 'merge') throw failure('merging lists cannot yet be specified in the patch');
    else throw failure(`unknown patch type: ${goText(asked)} in map: ${goText(item)}`);
  }
  if (doomed.size > 0) base = base.filter((other) => !doomed.has(own(mapWithKey(other), mergeKey)));
  if (replacing) [base, items] = [items, []];
  const merged = [...base];
  const places = new Map<unknown, number>();
  merged.forEach((other, at) => {
    const key = own(mapWithKey(other), mergeKey);
    if (!places.has(key)) places.set(key, at);
  });
  for (const item of items) {
    const wanted = mergeKeyOf(item, mergeKey);
    const found = places.get(wanted);
    if (found !== undefined) merged[found] = mergeMap(merged[found] as Dict, item, schema);
    else places.set(wanted, merged.push(item) - 1);
  }
  inOrder(merged, mergeKey);
  const { inPatch, serverOnly } = partition(merged, items, mergeKey);
  return orderedAs({ inPatch, serverOnly, patchOrder: items, serverOrder: base, mergeKey });
}

/** A new value comes without directives: an item that says `$patch` is not there at all. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .filter((item) => !(isDict(item) && Object.hasOwn(item, directive)))
      .map(withoutDirectives);
  if (!isDict(value)) return value;
  for (const [key, inner] of Object.entries(value)) setWithoutDirectives(value, key, inner);
  return value;
}

function setWithoutDirectives(target: Dict, key: string, value: unknown): void {
  if (isDict(value) && Object.hasOwn(value, directive)) delete target[key];
  else setOwn(target, key, withoutDirectives(value));
}

/** A null deletes, and where nothing was there is nothing to delete. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) value.forEach(withoutNulls);
  else if (isDict(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (inner === null) delete value[key];
      else withoutNulls(inner);
    }
  }
  return value;
}
