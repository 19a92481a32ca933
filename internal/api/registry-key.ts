import type { ResourceRef } from './object.ts';

/** Everything that kube-apiserver stores lies below it. */
export const registryRoot = '/registry/';

/** Where every server says that it lives; no API objects. */
export const masterLeases = `${registryRoot}masterleases/`;

/** Where objects of a built-in kind lie: `/registry/pods/`, `/registry/pods/NAMESPACE/`. */
export function registryPrefix(ref: ResourceRef, namespace = ''): string {
  const prefix = `${registryRoot}${ref.folder ?? ref.resource}/`;
  return ref.namespaced && namespace ? `${prefix}${namespace}/` : prefix;
}

/**
 * The key of one object of a built-in kind: `/registry/pods/NAMESPACE/NAME`, as kube-apiserver's.
 * Without a name it is the key of nothing.
 */
export function registryKey(
  ref: ResourceRef,
  namespace: string | undefined,
  name: string | undefined,
): string {
  return `${registryPrefix(ref, namespace)}${name ?? ''}`;
}

/** Where objects of a CustomResourceDefinition lie. */
export function customPrefix(ref: { group: string; resource: string }): string {
  return `${registryRoot}${ref.group}/${ref.resource}/`;
}
