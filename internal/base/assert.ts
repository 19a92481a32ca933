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

/** The value, or InvariantError when it is null or undefined. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined)
    throw new InvariantError(`${what} is missing`, 'present');
  return value;
}
