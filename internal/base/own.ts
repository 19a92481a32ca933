/**
 * Looking things up by a name that comes from outside. A plain object also answers to `constructor`
 * or `toString`: tables are made without a prototype, and maps that people fill are asked only for
 * what they hold themselves.
 */

/** A table of constants that answers to its own names alone. */
export function table<T>(rows: Readonly<Record<string, T>>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, rows);
}

/** What `map` itself holds under a name. */
export function own<T>(
  map: Readonly<Record<string, T>> | null | undefined,
  name: string,
): T | undefined {
  return map !== null && map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}
