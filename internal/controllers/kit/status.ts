import { equalField, typeOf } from '../../api/equality.ts';
import type { ResourceRef } from '../../api/object.ts';
import type { Write, Written } from './write.ts';

/** The write of a status that differs from the present one; none where it says the same. */
export function statusWrite(
  ref: ResourceRef,
  object: Written & { status?: object },
  status: object | undefined,
): Write[] {
  if (status === undefined || equalField(typeOf(ref), 'status', object.status, status)) return [];
  const next = { ...object, status };
  return [{ verb: 'update', ref, object: next, subresource: 'status' }];
}
