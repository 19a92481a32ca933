import type { FieldError, FieldErrorType } from '../status.ts';

export class Errors {
  readonly list: FieldError[] = [];

  add(type: FieldErrorType, field: string, value?: unknown, detail = ''): void {
    this.list.push({ type, field, value, detail });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.add('FieldValueInvalid', field, value, detail);
  }

  named(field: string, value: string | undefined, check: (value: string) => string[]): void {
    if (!value) this.add('FieldValueRequired', field);
    else for (const why of check(value)) this.invalid(field, value, why);
  }
}
