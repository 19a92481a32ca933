import { fieldsOf, type KubeObject } from '../../api/object.ts';
import { dictOf } from '../../api/loose.ts';

/**
 * What of an object is worth remembering: all but what changes without anybody's wish (heartbeats,
 * conditions, who wrote which field). The version is one that the server will always have a newer
 * state of.
 */
export function essenceOf(object: KubeObject): KubeObject {
  const { managedFields: _managers, ...metadata } = object.metadata;
  const status = dictOf(fieldsOf(object)['status']);
  const kept = object.kind === 'Node' || object.kind === 'Pod' ? statusOf(status) : status;
  return {
    ...object,
    metadata: { ...metadata, resourceVersion: '0' },
    ...(fieldsOf(object)['status'] !== undefined && { status: kept }),
  };
}

/** Where a node or a pod is. */
function statusOf(status: Record<string, unknown>): Record<string, unknown> {
  const { addresses, podIP, podIPs, hostIP, hostIPs, startTime, phase } = status;
  return Object.fromEntries(
    Object.entries({ addresses, podIP, podIPs, hostIP, hostIPs, startTime, phase }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}
