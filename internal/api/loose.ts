import { own } from '../base/own.ts';
/** Reading and writing JSON whose type is not at hand: tables of rules name fields by path. */
export type Dict = Record<string, unknown>;

export function isDict(value: unknown): value is Dict {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export function dictOf(value: unknown): Dict {
  return isDict(value) ? value : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** The value at a dotted path, or undefined. */
export function at(value: unknown, path: string): unknown {
  let here: unknown = value;
  for (const key of path.split('.')) {
    if (!isDict(here)) return undefined;
    here = own(here, key);
  }
  return here;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/**
 * Equal as apimachinery's Semantic.DeepEqual sees JSON in its normal form, where fields that are
 * empty are left out: no list and an empty list are the same. Quantities are compared as texts. Of
 * other values ask equalAs() (`equality.ts`), which knows their type; one recording from Go holds
 * both.
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (Array.isArray(a))
    return (
      Array.isArray(b) && a.length === b.length && a.every((item, i) => semanticEqual(item, b[i]))
    );
  if (!isDict(a) || !isDict(b)) return false;
  for (const key in a) if (!semanticEqual(a[key], own(b, key))) return false;
  for (const key in b) if (!Object.hasOwn(a, key) && !isEmpty(b[key])) return false;
  return true;
}
