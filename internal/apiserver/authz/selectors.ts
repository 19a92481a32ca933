import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
} from '../../api/generated/types/authorization-v1.ts';
import { parseFieldSelector, parseLabelSelector, type FieldTerm } from '../../api/selectors.ts';
import {
  requirement,
  type LabelOperator,
  type Requirement,
} from '../../api/selector-requirement.ts';
import { messageOf } from '../../base/errors.ts';

/**
 * Selectors of a question, as far as they could be read. What could not is left out: that only
 * makes the question wider.
 */
interface Read<T> {
  terms: readonly T[] | undefined;
  wrong?: string;
}

const whole = <T>(parse: () => readonly T[]): Read<T> => {
  try {
    return { terms: parse() };
  } catch (error) {
    return { terms: undefined, wrong: messageOf(error) };
  }
};

/** registry/authorization/util ResourceAttributesFrom. */
export function fieldsOf(given: FieldSelectorAttributes | undefined): Read<FieldTerm> {
  if (given?.requirements?.length) {
    return each(given.requirements, ({ key, operator, values = [] }) => {
      const [value] = values;
      if (values.length !== 1 || value === undefined || (operator !== 'In' && operator !== 'NotIn'))
        throw new Error(`${operator} of ${values.length} values is not supported`);
      return { field: key, operator: operator === 'In' ? '=' : '!=', value };
    });
  }
  return given?.rawSelector
    ? whole(() => parseFieldSelector(given.rawSelector as string).terms)
    : { terms: undefined };
}

const operators = new Map<string, LabelOperator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

export function labelsOf(given: LabelSelectorAttributes | undefined): Read<Requirement> {
  if (given?.requirements?.length) {
    return each(given.requirements, ({ key, operator, values = [] }) => {
      const known = operators.get(operator);
      if (!known)
        throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
      // In the order in which they were given: a webhook is shown them so.
      return { ...requirement(key, known, values), values };
    });
  }
  return given?.rawSelector
    ? whole(() => parseLabelSelector(given.rawSelector as string).requirements)
    : { terms: undefined };
}

function each<A, T>(given: readonly A[], read: (one: A) => T): Read<T> {
  const terms: T[] = [];
  let wrong: string | undefined;
  for (const one of given) {
    try {
      terms.push(read(one));
    } catch (error) {
      wrong ??= messageOf(error);
    }
  }
  return { terms: terms.length > 0 ? terms : undefined, ...(wrong !== undefined && { wrong }) };
}

/**
 * Selectors as a SubjectAccessReview writes them (authorizer/webhook
 * fieldSelectorToAuthorizationAPI). Undefined: none.
 */
export function fieldAttributes(
  terms: readonly FieldTerm[] | undefined,
): FieldSelectorAttributes | undefined {
  if (!terms?.length) return undefined;
  return {
    requirements: terms.map(({ field, operator, value }) => ({
      key: field,
      operator: operator === '=' ? 'In' : 'NotIn',
      values: [value],
    })),
  };
}

const written = new Map<LabelOperator, string>([
  ['in', 'In'],
  ['=', 'In'],
  ['==', 'In'],
  ['notin', 'NotIn'],
  ['!=', 'NotIn'],
  ['exists', 'Exists'],
  ['!', 'DoesNotExist'],
]);

export function labelAttributes(
  given: string | readonly Requirement[] | undefined,
): LabelSelectorAttributes | undefined {
  if (!given?.length) return undefined;
  const terms =
    typeof given === 'string' ? whole(() => parseLabelSelector(given).requirements).terms : given;
  // "Greater than" has no word in a review.
  const requirements = (terms ?? []).flatMap(({ key, operator, values }) => {
    const word = written.get(operator);
    return word === undefined
      ? []
      : [{ key, operator: word, ...(values.length > 0 && { values: [...values] }) }];
  });
  return requirements.length > 0 ? { requirements } : undefined;
}
