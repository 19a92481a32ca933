import type { RepeatedFields } from './json-text.ts';

/** `duplicate field "spec.x"` for every field of a free map that was given twice, in the order of the text. */
export function repeatedFieldsOf(value: unknown, repeated: RepeatedFields): string[] {
  const found: string[] = [];
  if (repeated.size > 0) walk(value, '', repeated, found);
  return found;
}

function walk(value: unknown, path: string, repeated: RepeatedFields, found: string[]): void {
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => walk(item, `${path}[${i}]`, repeated, found));
    return;
  }
  const seen = new Set<string>();
  for (const [key, item] of repeated.get(value) ?? Object.entries(value)) {
    const at = path ? `${path}.${key}` : key;
    const text = `duplicate field ${JSON.stringify(at)}`;
    if (seen.has(key) && !found.includes(text)) found.push(text);
    seen.add(key);
    walk(item, at, repeated, found);
  }
}
