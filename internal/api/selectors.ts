import type { LabelSelector as LabelSelectorObject } from './generated/types/meta-v1.ts';
import { parseLabelTerms } from './selector-parse.ts';
import { qualifiedName, validLabelValue } from './names.ts';
import { badRequest, fieldErrorText } from './status.ts';
import type { FieldError } from './status.ts';

export { parseFieldSelector, everyField } from './field-selectors.ts';
export type { FieldSelector, FieldTerm } from './field-selectors.ts';

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';
export type Labels = Readonly<Record<string, string>> | null | undefined;

export interface Requirement {
  key: string;
  operator: LabelOperator;
  /** Sorted, without repeats. */
  values: readonly string[];
}

/** A parsed label selector. Requirements are sorted by key; all must hold. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
  /** Matches every object: there is nothing to check. */
  readonly empty: boolean;
  matches(labels: Labels): boolean;
  /** The canonical text, as in a list request. */
  toString(): string;
}

export const binaryOperators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'] as const;
const allOperators: readonly string[] = [...binaryOperators, 'exists', '!'];

class Requirements implements LabelSelector {
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    this.requirements = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(labels: Labels): boolean {
    for (const requirement of this.requirements) if (!holds(requirement, labels)) return false;
    return true;
  }

  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

export const everything: LabelSelector = new Requirements([]);
export const nothing: LabelSelector = { requirements: [], empty: false, matches: () => false, toString: () => '' };

function holds(requirement: Requirement, labels: Labels): boolean {
  const value = labels && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      return value !== undefined && compares(requirement, value);
  }
}

function compares(requirement: Requirement, value: string): boolean {
  const [left, right] = [asInteger(value), asInteger(requirement.values[0] ?? '')];
  if (left === undefined || right === undefined) return false;
  return requirement.operator === 'gt' ? left > right : left < right;
}

/** An int64 in decimal, as Go's ParseInt takes it. */
function asInteger(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

function requirementText({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

/** Checks and builds one requirement. Throws BadRequest with Kubernetes' text. */
export function requirement(key: string, operator: LabelOperator, values: readonly string[]): Requirement {
  const errors: FieldError[] = [];
  const wrongKey = qualifiedName(key);
  if (wrongKey.length > 0) errors.push({ type: 'FieldValueInvalid', field: 'key', value: key, detail: wrongKey.join('; ') });
  const wrongCount = valueCountError(operator, values);
  if (wrongCount) errors.push(wrongCount);
  if (operator === 'gt' || operator === 'lt') {
    values.forEach((value, i) => {
      if (asInteger(value) === undefined) errors.push({ type: 'FieldValueInvalid', field: `values[${i}]`, value, detail: "for 'Gt', 'Lt' operators, the value must be an integer" });
    });
  }
  values.forEach((value, i) => {
    const wrong = validLabelValue(value);
    if (wrong.length > 0) errors.push({ type: 'FieldValueInvalid', field: `values[${i}][${key}]`, value, detail: wrong.join('; ') });
  });
  if (errors.length > 0) throw badRequest(aggregate(errors.map(fieldErrorText)));
  return { key, operator, values: [...new Set(values)].sort() };
}

function valueCountError(operator: LabelOperator, values: readonly string[]): FieldError | undefined {
  const wrong = (detail: string): FieldError => ({ type: 'FieldValueInvalid', field: 'values', value: values, detail });
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? wrong("for 'in', 'notin' operators, values set can't be empty") : undefined;
    case '=':
    case '==':
    case '!=':
      return values.length === 1 ? undefined : wrong('exact-match compatibility requires one single value');
    case 'exists':
    case '!':
      return values.length === 0 ? undefined : wrong('values set must be empty for exists and does not exist');
    case 'gt':
    case 'lt':
      return values.length === 1 ? undefined : wrong("for 'Gt', 'Lt' operators, exactly one value is required");
    default:
      return { type: 'FieldValueNotSupported', field: 'operator', value: operator, detail: `supported values: ${allOperators.map((o) => JSON.stringify(o)).join(', ')}` };
  }
}

/** Several errors in one text, as Go's Aggregate prints them: repeats are dropped. */
export function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
}

/** Parses the text of `?labelSelector=`. Throws BadRequest with Kubernetes' text. */
export function parseLabelSelector(text: string): LabelSelector {
  return text === '' ? everything : new Requirements(parseLabelTerms(text));
}

/** Exactly these labels. */
export function selectorFromMap(labels: Labels): LabelSelector {
  return new Requirements(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=' as const, values: [value] })));
}

const objectOperators = new Map<string, LabelOperator>([['In', 'in'], ['NotIn', 'notin'], ['Exists', 'exists'], ['DoesNotExist', '!']]);

/** A LabelSelector field of an object: none matches nothing, an empty one matches everything. */
export function selectorFromObject(selector: LabelSelectorObject | null | undefined): LabelSelector {
  if (!selector) return nothing;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, '=', [value]));
  for (const expression of selector.matchExpressions ?? []) {
    const operator = objectOperators.get(expression.operator);
    if (!operator) throw badRequest(`${JSON.stringify(expression.operator)} is not a valid label selector operator`);
    requirements.push(requirement(expression.key, operator, expression.values ?? []));
  }
  return requirements.length === 0 ? everything : new Requirements(requirements);
}

/** As kubectl prints a selector: `<none>` when empty, `<error>` when it cannot be read. */
export function formatSelector(selector: LabelSelectorObject | null | undefined): string {
  try {
    return selectorFromObject(selector).toString() || '<none>';
  } catch {
    return '<error>';
  }
}

/** The value that a selector pins a label to: lets an index answer instead of a scan. */
export function exactMatch(selector: LabelSelector, key: string): string | undefined {
  const found = selector.requirements.find((r) => r.key === key);
  return found && (found.operator === '=' || found.operator === '==' || found.operator === 'in') && found.values.length === 1 ? found.values[0] : undefined;
}
