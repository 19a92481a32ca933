import type { ObjectMeta } from './generated/types/meta-v1.ts';
import { setOwn } from '../base/own.ts';

/**
 * Any Kubernetes object in its JSON form. Objects that more than one reader can see are
 * deep-frozen.
 */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/**
 * An object whose fields are read by their names (apimachinery's Unstructured): for code that is
 * written for every kind.
 */
export type Unstructured = KubeObject & Record<string, unknown>;

/** The fields of an object whose type is not at hand. What is written there is in the object. */
export function fieldsOf(object: object): Record<string, unknown> {
  return object as Record<string, unknown>;
}

/** What was put together field by field; who calls has put apiVersion, kind and metadata there. */
export function asObject(fields: object): KubeObject {
  return fields as KubeObject;
}

/**
 * Where a kind is served: `{group:'apps', version:'v1', resource:'deployments', kind:'Deployment',
 * namespaced:true}`.
 */
export interface ResourceRef {
  group: string;
  version: string;
  resource: string;
  kind: string;
  namespaced: boolean;
  /** Where its objects are stored, when that is not the name of the resource. */
  folder?: string;
}

/**
 * `namespace/name`, or `name` for an object without a namespace. The key of work queues and
 * mirrors.
 */
export function keyOf(object: { metadata: ObjectMeta }): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name ?? ''}` : (name ?? '');
}

/** The inverse of keyOf. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function apiVersionOf(ref: { group: string; version: string }): string {
  return ref.group ? `${ref.group}/${ref.version}` : ref.version;
}

/** Freezes a value and all it holds. Returns the same value. */
export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** A deep copy of JSON data that may be changed. Much faster than structuredClone for such data. */
export function deepCopy<T>(value: T): T {
  if (Array.isArray(value)) {
    const list = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) list[i] = deepCopy<unknown>(value[i]);
    return list as T;
  }
  if (value === null || typeof value !== 'object') return value;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    setOwn(copy, key, deepCopy(value[key]));
  }
  return copy as T;
}
