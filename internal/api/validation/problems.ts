import { semanticEqual } from '../loose.ts';
import { outOfRange } from '../names.ts';
import type { NameCheck } from '../names.ts';
import type { FieldError } from '../status.ts';

export const negative = 'must be greater than or equal to 0';
export const immutable = 'field is immutable';

/** A map as messages show it. */
export function inOrder(map: Readonly<Record<string, string>> | undefined): unknown {
  return map ? Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))) : null;
}

/** Collects what is wrong with an object, field by field, in the order it is found. */
export class Problems {
  readonly list: FieldError[] = [];

  get found(): boolean {
    return this.list.length > 0;
  }

  required(field: string, detail = ''): void {
    this.list.push({ type: 'FieldValueRequired', field, detail });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.list.push({ type: 'FieldValueInvalid', field, value, detail });
  }

  forbidden(field: string, detail: string): void {
    this.list.push({ type: 'FieldValueForbidden', field, detail });
  }

  duplicate(field: string, value: unknown): void {
    this.list.push({ type: 'FieldValueDuplicate', field, value, detail: '' });
  }

  notFound(field: string, value: unknown, detail = ''): void {
    this.list.push({ type: 'FieldValueNotFound', field, value, detail });
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    this.list.push({
      type: 'FieldValueNotSupported',
      field,
      value,
      detail: `supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`,
    });
  }

  tooLong(field: string, limit: number): void {
    this.list.push({
      type: 'FieldValueTooLong',
      field,
      detail: `may not be more than ${limit} ${limit === 1 ? 'byte' : 'bytes'}`,
    });
  }

  tooMany(field: string, count: number, limit: number): void {
    this.list.push({
      type: 'FieldValueTooMany',
      field,
      value: count,
      detail: `must have at most ${limit} ${limit === 1 ? 'item' : 'items'}`,
    });
  }

  add(errors: readonly FieldError[]): void {
    for (const error of errors) this.list.push(error);
  }

  /** One Invalid for each message of a name check. */
  check(field: string, value: string, check: NameCheck): void {
    for (const message of check(value)) this.invalid(field, value, message);
  }

  /** A value out of a closed set, where a missing one is an error of its own. */
  oneOf(field: string, value: string | undefined, supported: readonly string[]): void {
    if (!value) this.required(field);
    else if (!supported.includes(value)) this.notSupported(field, value, supported);
  }

  nonNegative(field: string, value: number | undefined): void {
    if ((value ?? 0) < 0) this.invalid(field, value, negative);
  }

  range(field: string, value: number, low: number, high: number): void {
    if (value < low || value > high) this.invalid(field, value, outOfRange(low, high));
  }

  immutable(field: string, value: unknown, old: unknown): void {
    if (!semanticEqual(value, old)) this.invalid(field, value, immutable);
  }
}
