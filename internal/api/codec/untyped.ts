import type { RepeatedFields } from './json-text.ts';

/** As many as Go keeps. */
export const strictLimit = 100;

/**
 * `duplicate field "spec.x"` for the fields of a free map that were given twice, in the order of
 * the text.
 */
export function repeatedFieldsOf(value: unknown, repeated: RepeatedFields): string[] {
  const found = new Set<string>();
  if (repeated.size > 0) walk(value, '', repeated, found);
  return [...found];
}

function walk(value: unknown, path: string, repeated: RepeatedFields, found: Set<string>): void {
  if (value === null || typeof value !== 'object' || found.size >= strictLimit) return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => walk(item, `${path}[${i}]`, repeated, found));
    return;
  }
  const seen = new Set<string>();
  for (const [key, item] of repeated.get(value) ?? Object.entries(value)) {
    const at = path ? `${path}.${key}` : key;
    if (seen.has(key) && found.size < strictLimit)
      found.add(`duplicate field ${JSON.stringify(at)}`);
    seen.add(key);
    walk(item, at, repeated, found);
  }
}
