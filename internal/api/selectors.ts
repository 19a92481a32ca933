import type { LabelSelector as LabelSelectorObject } from './generated/types/meta-v1.ts';
import { parseLabelTerms } from './selector-parse.ts';
import { asInteger, requirement } from './selector-requirement.ts';
import type { LabelOperator, Requirement } from './selector-requirement.ts';
import { badRequest } from './status.ts';

export type { LabelOperator, Requirement } from './selector-requirement.ts';
export { parseFieldSelector, everyField } from './field-selectors.ts';
export type { FieldSelector, FieldTerm } from './field-selectors.ts';

export type Labels = Readonly<Record<string, string>> | null | undefined;

/** A parsed label selector. Requirements are sorted by key; all must hold. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
  /** Matches every object: there is nothing to check. */
  readonly empty: boolean;
  matches(labels: Labels): boolean;
  /** The canonical text, as in a list request. */
  toString(): string;
}

class Requirements implements LabelSelector {
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    this.requirements = [...requirements].sort((a, b) =>
      a.key < b.key ? -1 : a.key > b.key ? 1 : 0,
    );
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
export const nothing: LabelSelector = {
  requirements: [],
  empty: false,
  matches: () => false,
  toString: () => '',
};

function holds(requirement: Requirement, labels: Labels): boolean {
  const value =
    labels && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
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

/** Parses the text of `?labelSelector=`. Throws BadRequest with Kubernetes' text. */
export function parseLabelSelector(text: string): LabelSelector {
  return text === '' ? everything : new Requirements(parseLabelTerms(text));
}

/** Exactly these labels. */
export function selectorFromMap(labels: Labels): LabelSelector {
  return new Requirements(
    Object.entries(labels ?? {}).map(([key, value]) => ({
      key,
      operator: '=' as const,
      values: [value],
    })),
  );
}

const objectOperators = new Map<string, LabelOperator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

/** A LabelSelector field of an object: none matches nothing, an empty one matches everything. */
export function selectorFromObject(
  selector: LabelSelectorObject | null | undefined,
): LabelSelector {
  if (!selector) return nothing;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => requirement(key, '=', [value]),
  );
  for (const expression of selector.matchExpressions ?? []) {
    const operator = objectOperators.get(expression.operator);
    if (!operator)
      throw badRequest(
        `${JSON.stringify(expression.operator)} is not a valid label selector operator`,
      );
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
  return found &&
    (found.operator === '=' || found.operator === '==' || found.operator === 'in') &&
    found.values.length === 1
    ? found.values[0]
    : undefined;
}
