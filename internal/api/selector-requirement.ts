import { qualifiedName, validLabelValue } from './names.ts';
import { badRequest, fieldErrorText } from './status.ts';
import type { FieldError } from './status.ts';

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  key: string;
  operator: LabelOperator;
  /** Sorted, without repeats. */
  values: readonly string[];
}

export const binaryOperators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'] as const;
const allOperators: readonly string[] = [...binaryOperators, 'exists', '!'];

/** An int64 in decimal, as Go's ParseInt takes it. */
export function asInteger(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

/** Checks and builds one requirement. Throws BadRequest with Kubernetes' text. */
export function requirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): Requirement {
  const errors: FieldError[] = [];
  const wrongKey = qualifiedName(key);
  if (wrongKey.length > 0)
    errors.push({
      type: 'FieldValueInvalid',
      field: 'key',
      value: key,
      detail: wrongKey.join('; '),
    });
  const wrongCount = valueCountError(operator, values);
  if (wrongCount) errors.push(wrongCount);
  if (operator === 'gt' || operator === 'lt') {
    values.forEach((value, i) => {
      if (asInteger(value) === undefined)
        errors.push({
          type: 'FieldValueInvalid',
          field: `values[${i}]`,
          value,
          detail: "for 'Gt', 'Lt' operators, the value must be an integer",
        });
    });
  }
  values.forEach((value, i) => {
    const wrong = validLabelValue(value);
    if (wrong.length > 0)
      errors.push({
        type: 'FieldValueInvalid',
        field: `values[${i}][${key}]`,
        value,
        detail: wrong.join('; '),
      });
  });
  if (errors.length > 0) throw badRequest(aggregate(errors.map(fieldErrorText)));
  return { key, operator, values: [...new Set(values)].sort() };
}

function valueCountError(
  operator: LabelOperator,
  values: readonly string[],
): FieldError | undefined {
  const wrong = (detail: string): FieldError => ({
    type: 'FieldValueInvalid',
    field: 'values',
    value: values,
    detail,
  });
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0
        ? wrong("for 'in', 'notin' operators, values set can't be empty")
        : undefined;
    case '=':
    case '==':
    case '!=':
      return values.length === 1
        ? undefined
        : wrong('exact-match compatibility requires one single value');
    case 'exists':
    case '!':
      return values.length === 0
        ? undefined
        : wrong('values set must be empty for exists and does not exist');
    case 'gt':
    case 'lt':
      return values.length === 1
        ? undefined
        : wrong("for 'Gt', 'Lt' operators, exactly one value is required");
    default:
      return {
        type: 'FieldValueNotSupported',
        field: 'operator',
        value: operator,
        detail: `supported values: ${allOperators.map((o) => JSON.stringify(o)).join(', ')}`,
      };
  }
}

/** Several errors in one text, as Go's Aggregate prints them: repeats are dropped. */
export function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
}
