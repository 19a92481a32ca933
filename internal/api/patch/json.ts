import { deepCopy } from '../object.ts';
import { ApiError, badRequest } from '../status.ts';

/** A patch with more operations is refused: each may copy a large part of the object. */
export const maxJsonPatchOperations = 10_000;
/** What `copy` operations may add to the object in all, as upstream's request limit: without it a short patch doubles an object for ever. */
const maxCopiedBytes = 3 * 1024 * 1024;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Container = Json[] | { [key: string]: Json };

interface Operation {
  op: string;
  path?: string;
  from?: string;
  value?: Json;
}

/** Why an operation cannot be applied. Kubernetes keeps it to itself: the client reads one fixed sentence. */
class PatchFailure extends Error {}

const operationFields = new Set(['op', 'path', 'from', 'value']);

/**
 * Applies a JSON Patch (RFC 6902) and returns the new document; `document` stays as it is. Negative indices count
 * from the end, as upstream's library allows. Throws what Kubernetes answers.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type []handlers.jsonPatchOp`);
  if (patch.length > maxJsonPatchOperations) {
    throw new ApiError('RequestEntityTooLarge', `Request entity too large: The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`);
  }
  const root: { value: Json; copied: number } = { value: deepCopy(document) as Json, copied: 0 };
  try {
    for (const operation of patch) apply(root, asOperation(operation));
  } catch (thrown) {
    if (!(thrown instanceof PatchFailure)) throw thrown;
    throw new ApiError('Invalid', 'the server rejected our request due to an error in our request', { details: {}, cause: thrown });
  }
  return root.value;
}

/** Fields that no operation has, for `fieldValidation`: `json patch unknown field "[0].x"`. */
export function unknownPatchFields(patch: unknown): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: unknown, i) =>
    operation !== null && typeof operation === 'object' ? Object.keys(operation).filter((key) => !operationFields.has(key)).map((key) => `json patch unknown field "[${i}].${key}"`) : [],
  );
}

export function jsonKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function asOperation(value: unknown): Operation {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(value)} into Go value of type handlers.jsonPatchOp`);
  }
  const operation = value as Record<string, unknown>;
  for (const field of ['op', 'path', 'from'] as const) {
    const given = operation[field];
    if (given !== undefined && given !== null && typeof given !== 'string') {
      throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(given)} into Go struct field jsonPatchOp.${field} of type string`);
    }
  }
  return value as Operation;
}

function apply(root: { value: Json; copied: number }, operation: Operation): void {
  const { op, path } = operation;
  if (!['add', 'remove', 'replace', 'move', 'test', 'copy'].includes(op)) throw new PatchFailure(`Unexpected kind: ${op}`);
  if (typeof path !== 'string') throw new PatchFailure(`${op} operation failed to decode path: missing value`);
  if (path === '' && (op === 'replace' || op === 'test')) return wholeDocument(root, operation);
  switch (op) {
    case 'add':
      return insert(at(root.value, path, op), deepCopy(operation.value ?? null), path);
    case 'remove':
      return void remove(at(root.value, path, op), path);
    case 'replace':
      return replace(at(root.value, path, op), deepCopy(operation.value ?? null), path);
    case 'test':
      return test(at(root.value, path, op), operation.value ?? null, path);
    case 'move': {
      const moved = remove(at(root.value, fromOf(operation), op), fromOf(operation));
      return insert(at(root.value, path, op), moved, path);
    }
    default: {
      const copied = deepCopy(read(at(root.value, fromOf(operation), op), fromOf(operation)) ?? null);
      root.copied += JSON.stringify(copied).length;
      if (root.copied > maxCopiedBytes) throw new PatchFailure('Unable to complete the copy, the accumulated size increase of copy is too large');
      return insert(at(root.value, path, op), copied, path);
    }
  }
}

function fromOf(operation: Operation): string {
  if (typeof operation.from !== 'string') throw new PatchFailure(`${operation.op} operation failed to decode from: missing value`);
  return operation.from;
}

function wholeDocument(root: { value: Json }, operation: Operation): void {
  const value = operation.value ?? null;
  if (operation.op === 'test') {
    if (!jsonEqual(root.value, value)) throw new PatchFailure('testing value  failed: test failed');
  } else if (value === null || typeof value !== 'object') throw new PatchFailure('replace operation value must be object or array');
  else root.value = deepCopy(value);
}

interface Place {
  container: Container;
  key: string;
}

/** The container that a JSON pointer (RFC 6901) ends in, and the last key. */
function at(root: Json, path: string, op: string): Place {
  const keys = path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  let here: Json | undefined = root;
  for (const key of keys) here = here !== null && typeof here === 'object' ? step(here, key) : undefined;
  if (last === undefined || here === undefined || here === null || typeof here !== 'object') {
    throw new PatchFailure(`${op} operation does not apply: doc is missing path: "${path}": missing value`);
  }
  return { container: here, key: last };
}

function step(container: Container, key: string): Json | undefined {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  const index = indexOf(container.length, key);
  return index === undefined ? undefined : container[index];
}

/** An index into a list of `length`; negative ones count from the end. */
function indexOf(length: number, key: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(key)) return undefined;
  const index = Number(key);
  if (index >= length || index < -length) return undefined;
  return index < 0 ? index + length : index;
}

function present(place: Place, path: string): number | string {
  const { container, key } = place;
  if (Array.isArray(container)) {
    const index = indexOf(container.length, key);
    if (index === undefined) throw new PatchFailure(`error for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`);
    return index;
  }
  return key;
}

function read(place: Place, path: string): Json | undefined {
  const key = present(place, path);
  return Array.isArray(place.container) ? place.container[key as number] : Object.hasOwn(place.container, key) ? place.container[key] : undefined;
}

function insert(place: Place, value: Json, path: string): void {
  const { container, key } = place;
  if (!Array.isArray(container)) return put(container, key, value);
  const index = key === '-' ? container.length : indexOf(container.length + 1, key);
  if (index === undefined) throw new PatchFailure(`error in add for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`);
  container.splice(index, 0, value);
}

function replace(place: Place, value: Json, path: string): void {
  const key = present(place, path);
  if (Array.isArray(place.container)) place.container[key as number] = value;
  else put(place.container, place.key, value);
}

function remove(place: Place, path: string): Json {
  const key = present(place, path);
  if (Array.isArray(place.container)) return place.container.splice(key as number, 1)[0] ?? null;
  if (!Object.hasOwn(place.container, key)) throw new PatchFailure(`error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`);
  const value = place.container[key] ?? null;
  delete place.container[key];
  return value;
}

function test(place: Place, expected: Json, path: string): void {
  const value = read(place, path);
  if (!jsonEqual(value ?? null, expected)) throw new PatchFailure(`testing value ${path} failed: test failed`);
}

/** `__proto__` in a patch is a key like any other. */
function put(container: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Equal as JSON: the order of keys does not matter. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && jsonEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
