import type { ResourceRef } from '../../api/object.ts';
import { same } from '../same.ts';
import type { Write, Written } from './write.ts';

/** Zero counts are left out on the wire: both forms mean the same. */
export function sameStatus(a: object | undefined, b: object | undefined): boolean {
  return same(zeroless(a), zeroless(b));
}

function zeroless(status: object | undefined): object {
  return Object.fromEntries(Object.entries(status ?? {}).filter(([, value]) => value !== 0));
}

/** The write of a status that differs from the present one; none where it says the same. */
export function statusWrite(
  ref: ResourceRef,
  object: Written & { status?: object },
  status: object | undefined,
): Write[] {
  if (status === undefined || sameStatus(object.status, status)) return [];
  const next = { ...object, status };
  return [{ verb: 'update', ref, object: next, subresource: 'status' }];
}
