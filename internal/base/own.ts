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

/** Sets a field of any name: an assignment to `__proto__` would set the prototype instead. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  else object[key] = value;
}
