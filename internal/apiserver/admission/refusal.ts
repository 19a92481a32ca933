import { forbidden, type ApiError } from '../../api/status.ts';
import { whatOf } from '../registry/resource.ts';
import type { Attributes } from './chain.ts';

/**
 * What a plug-in answers when it refuses (admission.NewForbidden). Where the name is not made yet,
 * it says what it will begin with.
 */
export function refusal({ call, object }: Attributes, why: string): ApiError {
  const meta = object?.metadata;
  return forbidden(
    whatOf(call.resource),
    call.name || meta?.name || meta?.generateName || 'Unknown',
    why,
  );
}
