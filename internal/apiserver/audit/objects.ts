import type { Buffer } from 'node:buffer';
import { decodeProtobuf } from '../../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';

/** An object for an event: what it was at this moment, for those who make it go on changing it. */
export function snapshot(object: unknown, omitManagedFields: boolean): unknown {
  return JSON.parse(
    JSON.stringify(object, omitManagedFields ? withoutManagedFields : undefined),
  ) as unknown;
}

/**
 * managedFields are left out where they are metadata's own: of an object, or of the items of a
 * list.
 */
function withoutManagedFields(this: unknown, key: string, value: unknown): unknown {
  return key === 'metadata' && isObject(value) && 'managedFields' in value
    ? { ...value, managedFields: undefined }
    : value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object of an answer, whatever it was written as; undefined for what is none. */
export function answered(
  scheme: Scheme,
  contentType: string,
  body: Buffer,
  omitManagedFields: boolean,
): unknown {
  try {
    if (contentType.startsWith('application/json')) {
      const value = JSON.parse(body.toString()) as unknown;
      return omitManagedFields ? snapshot(value, true) : value;
    }
    if (contentType.startsWith('application/vnd.kubernetes.protobuf'))
      return snapshot(decodeProtobuf(scheme, body), omitManagedFields);
  } catch {
    return undefined;
  }
  return undefined;
}

/** Names that a request's own object has and its path may lack. */
export function namesOf(object: unknown): {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
} {
  const { name, namespace, uid, resourceVersion } = (
    isObject(object) ? ((object as Partial<KubeObject>).metadata ?? {}) : {}
  ) as Record<string, string | undefined>;
  return {
    ...(name ? { name } : {}),
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}
