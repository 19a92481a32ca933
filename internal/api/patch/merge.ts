import { deepCopy } from '../object.ts';
import { setOwn } from '../../base/own.ts';
import { badRequest } from '../status.ts';
import { jsonKind } from './json.ts';

type Dict = Record<string, unknown>;

const isDict = (value: unknown): value is Dict =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * Applies a JSON Merge Patch (RFC 7386) and returns the new document; both inputs stay as they are.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isDict(patch))
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type ` +
        'map[string]interface {}',
    );
  return merge(document, patch);
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return deepCopy(patch);
  const result: Dict = {};
  if (isDict(target)) {
    for (const key of Object.keys(target)) {
      if (!Object.hasOwn(patch, key)) setOwn(result, key, deepCopy(target[key]));
      else if (patch[key] !== null) setOwn(result, key, merge(target[key], patch[key]));
    }
  }
  for (const key of Object.keys(patch)) {
    if (patch[key] !== null && !(isDict(target) && Object.hasOwn(target, key)))
      setOwn(result, key, merge(undefined, patch[key]));
  }
  return result;
}

/**
 * The smallest merge patch that turns `from` into `to`; undefined when they are equal. Lists are
 * replaced whole.
 */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isDict(from) || !isDict(to))
    return JSON.stringify(from) === JSON.stringify(to) ? undefined : deepCopy(to);
  const patch: Dict = {};
  for (const key of Object.keys(from))
    if (!Object.hasOwn(to, key) || to[key] === undefined) setOwn(patch, key, null);
  for (const key of Object.keys(to)) {
    const value = Object.hasOwn(from, key)
      ? createMergePatch(from[key], to[key])
      : deepCopy(to[key]);
    if (value !== undefined) setOwn(patch, key, value);
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
