import { maxNesting } from '../codec/json-text.ts';
import { setOwn } from '../../base/own.ts';
import { deepCopy } from '../object.ts';
import { ApiError, badRequest } from '../status.ts';

/** A patch with more operations is refused: each may copy a large part of the object. */
export const maxJsonPatchOperations = 10_000;
/**
 * How many values all operations together may touch: each that is copied, compared or moved along
 * in a list counts. The number of operations alone bounds nothing, for each may walk over the whole
 * object.
 */
const maxTouched = 4_000_000;
/**
 * What `copy` operations may add to the object in all, as upstream's request limit: without it a
 * short patch doubles an object forever.
 */
const maxCopiedBytes = 3 * 1024 * 1024;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Container = Json[] | { [key: string]: Json };

interface Root {
  value: Json;
  copied: number;
  touched: number;
}

interface Operation {
  op: string;
  path?: string;
  from?: string;
  value?: Json;
}

/**
 * Why an operation cannot be applied. Kubernetes keeps it to itself: the client reads one fixed
 * sentence.
 */
class PatchFailure extends Error {}

const operationFields = new Set(['op', 'path', 'from', 'value']);

/**
 * Applies a JSON Patch (RFC 6902) and returns the new document; `document` stays as it is. Negative
 * indices count from the end, as upstream's library allows. Throws what Kubernetes answers.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type ` +
        '[]handlers.jsonPatchOp',
    );
  if (patch.length > maxJsonPatchOperations) {
    throw new ApiError(
      'RequestEntityTooLarge',
      'Request entity too large: The allowed maximum operations in a JSON patch is ' +
        `${maxJsonPatchOperations}, got ${patch.length}`,
    );
  }
  const root: Root = { value: deepCopy(document) as Json, copied: 0, touched: 0 };
  try {
    for (const operation of patch) apply(root, asOperation(operation));
  } catch (thrown) {
    if (!(thrown instanceof PatchFailure)) throw thrown;
    throw new ApiError(
      'Invalid',
      'the server rejected our request due to an error in our request',
      { details: {}, cause: thrown },
    );
  }
  return root.value;
}

/** Whether `applyJsonPatch` threw because a `test` did not hold. */
export function isFailedTest(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.cause instanceof PatchFailure &&
    error.cause.message.endsWith('test failed')
  );
}

/** Fields that no operation has, for `fieldValidation`: `json patch unknown field "[0].x"`. */
export function unknownPatchFields(patch: unknown): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: unknown, i) =>
    operation !== null && typeof operation === 'object'
      ? Object.keys(operation)
          .filter((key) => !operationFields.has(key))
          .map((key) => `json patch unknown field "[${i}].${key}"`)
      : [],
  );
}

export function jsonKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function asOperation(value: unknown): Operation {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(value)} into Go value of type ` +
        'handlers.jsonPatchOp',
    );
  }
  const operation = value as Record<string, unknown>;
  for (const field of ['op', 'path', 'from'] as const) {
    const given = operation[field];
    if (given !== undefined && given !== null && typeof given !== 'string') {
      throw badRequest(
        `error decoding patch: json: cannot unmarshal ${jsonKind(given)} into Go struct ` +
          `field jsonPatchOp.${field} of type string`,
      );
    }
  }
  return value as Operation;
}

/** Counts what an operation touches. */
function touch(root: Root, count: number): void {
  root.touched += count;
  if (root.touched > maxTouched)
    throw new ApiError(
      'RequestEntityTooLarge',
      'Request entity too large: the operations of the JSON patch touch too many values',
    );
}

/** Values in `value`, which may come to stand `level` levels below the root. */
function measure(value: Json, level: number): number {
  if (value === null || typeof value !== 'object') return 1;
  if (level >= maxNesting) throw new PatchFailure(`exceeded max depth of ${maxNesting}`);
  let count = 1;
  if (Array.isArray(value)) for (const item of value) count += measure(item, level + 1);
  else for (const key in value) count += 1 + measure(value[key] ?? null, level + 1);
  return count;
}

function apply(root: Root, operation: Operation): void {
  const { op, path } = operation;
  if (!['add', 'remove', 'replace', 'move', 'test', 'copy'].includes(op))
    throw new PatchFailure(`Unexpected kind: ${op}`);
  if (typeof path !== 'string')
    throw new PatchFailure(`${op} operation failed to decode path: missing value`);
  if (path === '' && (op === 'replace' || op === 'test')) return wholeDocument(root, operation);
  switch (op) {
    case 'add':
      return add(root, path, op, deepCopy(operation.value ?? null));
    case 'remove':
      return void remove(root, at(root.value, path, op), path);
    case 'replace': {
      const place = at(root.value, path, op);
      touch(root, measure(operation.value ?? null, place.level));
      return replace(place, deepCopy(operation.value ?? null), path);
    }
    case 'test': {
      touch(root, measure(operation.value ?? null, 0));
      return test(root, at(root.value, path, op), operation.value ?? null, path);
    }
    case 'move':
      return add(
        root,
        path,
        op,
        remove(root, at(root.value, fromOf(operation), op), fromOf(operation)),
      );
    default: {
      const copied = deepCopy(
        read(at(root.value, fromOf(operation), op), fromOf(operation)) ?? null,
      );
      root.copied += JSON.stringify(copied).length;
      if (root.copied > maxCopiedBytes)
        throw new PatchFailure(
          'Unable to complete the copy, the accumulated size increase of copy is too large',
        );
      return add(root, path, op, copied);
    }
  }
}

function add(root: Root, path: string, op: string, value: Json): void {
  const place = at(root.value, path, op);
  touch(root, measure(value, place.level));
  shift(root, place);
  insert(place, value, path);
}

/**
 * A list is moved along behind the place where something comes or goes; eight items cost as much as
 * one value elsewhere.
 */
function shift(root: Root, { container }: Place): void {
  if (Array.isArray(container)) touch(root, container.length / 8);
}

function fromOf(operation: Operation): string {
  if (typeof operation.from !== 'string')
    throw new PatchFailure(`${operation.op} operation failed to decode from: missing value`);
  return operation.from;
}

function wholeDocument(root: Root, operation: Operation): void {
  const value = operation.value ?? null;
  touch(root, measure(value, 0));
  if (operation.op === 'test') {
    if (!jsonEqual(root.value, value)) throw new PatchFailure('testing value  failed: test failed');
  } else if (value === null || typeof value !== 'object')
    throw new PatchFailure('replace operation value must be object or array');
  else root.value = deepCopy(value);
}

interface Place {
  container: Container;
  key: string;
  /** How many levels below the root the key stands. */
  level: number;
}

/** The container that a JSON pointer (RFC 6901) ends in, and the last key. */
function at(root: Json, path: string, op: string): Place {
  // A longer path leads nowhere: nothing nests so deep. It is cut before it costs anything.
  const keys = path
    .split('/', maxNesting + 2)
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  let here: Json | undefined = root;
  for (const key of keys)
    here = here !== null && typeof here === 'object' ? step(here, key) : undefined;
  if (last === undefined || here === undefined || here === null || typeof here !== 'object') {
    throw new PatchFailure(
      `${op} operation does not apply: doc is missing path: "${path}": missing value`,
    );
  }
  return { container: here, key: last, level: keys.length + 1 };
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
    if (index === undefined)
      throw new PatchFailure(
        `error for path: '${path}': Unable to access invalid index: ${key}: invalid index ` +
          'referenced',
      );
    return index;
  }
  return key;
}

function read(place: Place, path: string): Json | undefined {
  const key = present(place, path);
  return Array.isArray(place.container)
    ? place.container[key as number]
    : Object.hasOwn(place.container, key)
      ? place.container[key]
      : undefined;
}

function insert(place: Place, value: Json, path: string): void {
  const { container, key } = place;
  if (!Array.isArray(container)) return setOwn(container, key, value);
  const index = key === '-' ? container.length : indexOf(container.length + 1, key);
  if (index === undefined)
    throw new PatchFailure(
      `error in add for path: '${path}': Unable to access invalid index: ${key}: invalid ` +
        'index referenced',
    );
  container.splice(index, 0, value);
}

function replace(place: Place, value: Json, path: string): void {
  const key = present(place, path);
  if (Array.isArray(place.container)) place.container[key as number] = value;
  else setOwn(place.container, place.key, value);
}

function remove(root: Root, place: Place, path: string): Json {
  const key = present(place, path);
  shift(root, place);
  if (Array.isArray(place.container)) return place.container.splice(key as number, 1)[0] ?? null;
  if (!Object.hasOwn(place.container, key))
    throw new PatchFailure(
      `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: ` +
        'missing value',
    );
  const value = place.container[key] ?? null;
  delete place.container[key];
  return value;
}

function test(root: Root, place: Place, expected: Json, path: string): void {
  const value = read(place, path);
  // Keys of a map are counted before they are compared.
  if (
    value !== null &&
    typeof value === 'object' &&
    expected !== null &&
    typeof expected === 'object'
  )
    touch(root, Object.keys(value).length);
  if (!jsonEqual(value ?? null, expected))
    throw new PatchFailure(`testing value ${path} failed: test failed`);
}

function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!jsonEqual(a[i], b[i])) return false;
  return true;
}

/** Equal as JSON: the order of keys does not matter. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && equalLists(a, b);
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys)
    if (
      !Object.hasOwn(b, key) ||
      !jsonEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])
    )
      return false;
  return true;
}
