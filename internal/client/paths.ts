import type { ResourceRef } from '../api/object.ts';

export type Query = Record<string, string | number | boolean | undefined>;

/** The path of a resource, an object or a subresource, as every Kubernetes server knows it. */
export function resourcePath(
  ref: ResourceRef,
  target: { namespace?: string; name?: string; subresource?: string } = {},
  query: Query = {},
): string {
  let path = ref.group ? `/apis/${ref.group}/${ref.version}` : `/api/${ref.version}`;
  if (ref.namespaced && target.namespace)
    path += `/namespaces/${encodeURIComponent(target.namespace)}`;
  path += `/${ref.resource}`;
  if (target.name !== undefined) path += `/${encodeURIComponent(target.name)}`;
  if (target.subresource) path += `/${target.subresource}`;
  const pairs: string[] = [];
  for (const key in query) {
    const value = query[key];
    if (value !== undefined && value !== '')
      pairs.push(`${key}=${encodeURIComponent(String(value))}`);
  }
  return pairs.length > 0 ? `${path}?${pairs.join('&')}` : path;
}
