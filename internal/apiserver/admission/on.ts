import type { Attributes, Operation } from './chain.ts';

/**
 * Whether a request is one of `operations` on `resource` (with `group`), on the object itself or
 * the named subresource.
 */
export function on(
  group: string,
  resource: string,
  operations: readonly Operation[],
  subresource = '',
): (attributes: Attributes) => boolean {
  return ({ call, operation }) =>
    call.resource.resource === resource &&
    call.resource.group === group &&
    call.subresource === subresource &&
    operations.includes(operation);
}

export const onPodCreate = on('', 'pods', ['CREATE']);
