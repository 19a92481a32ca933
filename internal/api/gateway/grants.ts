import type { ReferenceGrant } from './types.ts';

export interface Referrer {
  group: string;
  kind: string;
  namespace: string;
}

/** Whether an object may name another: in its own namespace, or where a ReferenceGrant lets it. */
export function mayRefer(
  grants: Iterable<ReferenceGrant>,
  from: Referrer,
  to: Referrer & { name: string },
): boolean {
  if (from.namespace === to.namespace) return true;
  for (const { metadata, spec } of grants) {
    if (metadata.namespace !== to.namespace) continue;
    const some = spec.from.some(
      ({ group, kind, namespace }) =>
        group === from.group && kind === from.kind && namespace === from.namespace,
    );
    const that = spec.to.some(
      ({ group, kind, name }) =>
        group === to.group && kind === to.kind && (name === undefined || name === to.name),
    );
    if (some && that) return true;
  }
  return false;
}
