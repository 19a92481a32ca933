import { InvariantError } from './errors.ts';

/**
 * Throws InvariantError unless `condition` holds. For what must be true by construction, never for
 * input.
 */
export function invariant(
  condition: unknown,
  message: string,
  op = 'invariant',
): asserts condition {
  if (!condition) throw new InvariantError(message, op);
}
