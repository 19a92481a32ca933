import type { FieldError, FieldErrorType } from '../status.ts';
import { additional, type JsonSchema } from './json-schema.ts';
import { cardinalityBelow, RuleCosts, type Cardinality } from './rule-cost.ts';
import { compiledRules, hasRules, type CompiledRule, type ValidationRule } from './rules.ts';

const reasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

/**
 * What is wrong with the rules of a structural schema. `stored`: the schema is in use as it is, so
 * rules that are too dear stay.
 */
export function validateRules(schema: JsonSchema, path: string, stored = false): FieldError[] {
  const checks = new RuleChecks(stored);
  checks.visit(schema, { path, uncorrelatable: undefined, isRoot: true, cardinality: 1 });
  checks.costs.close(path);
  return [...checks.errors, ...checks.costs.errors];
}

interface Place {
  path: string;
  /** Where values begin that cannot be told apart from one version of an object to the next. */
  uncorrelatable: string | undefined;
  isRoot: boolean;
  cardinality: Cardinality;
}

class RuleChecks {
  readonly errors: FieldError[] = [];
  readonly costs: RuleCosts;

  constructor(stored: boolean) {
    this.costs = new RuleCosts(stored);
  }

  visit(schema: JsonSchema, place: Place): void {
    if (!hasRules(schema)) return;
    compiledRules(schema, place.isRoot).forEach((rule, i) =>
      this.#check(rule, schema, `${place.path}.x-kubernetes-validations[${i}]`, place),
    );
    const cardinality = cardinalityBelow(schema, place.cardinality);
    const below = (inner: JsonSchema, name: string, uncorrelatable = place.uncorrelatable): void =>
      this.visit(inner, {
        path: `${place.path}.${name}`,
        uncorrelatable,
        isRoot: false,
        cardinality,
      });
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      below(inner, `properties[${name}]`);
    const values = additional(schema);
    if (values) below(values, 'additionalProperties');
    if (schema.items)
      below(
        schema.items,
        'items',
        place.uncorrelatable ??
          (schema['x-kubernetes-list-type'] === 'map' ? undefined : `${place.path}.items`),
      );
  }

  #add(type: FieldErrorType, field: string, value: unknown, detail: string): void {
    this.errors.push({ type, field, value, detail });
  }

  #texts(source: ValidationRule, path: string): void {
    for (const field of ['message', 'fieldPath'] as const) {
      const text = source[field];
      if (text && !text.trim())
        this.#add('FieldValueInvalid', `${path}.${field}`, text, 'must be non-empty if specified');
      else if (text && lineBreak.test(text.trim()))
        this.#add('FieldValueInvalid', `${path}.${field}`, text, 'must not contain line breaks');
    }
    if (!source.rule?.trim())
      this.#add('FieldValueRequired', `${path}.rule`, '', 'rule is not specified');
    else if (lineBreak.test(source.rule.trim()) && !source.message?.trim())
      this.#add(
        'FieldValueRequired',
        `${path}.message`,
        '',
        'message must be specified if rule contains line breaks',
      );
    if (source.messageExpression && !source.messageExpression.trim())
      this.#add(
        'FieldValueRequired',
        `${path}.messageExpression`,
        '',
        'messageExpression must be non-empty if specified',
      );
    if (source.reason === undefined || source.reason === null || reasons.includes(source.reason))
      return;
    this.#add(
      'FieldValueNotSupported',
      `${path}.reason`,
      source.reason,
      `supported values: ${reasons.map((reason) => JSON.stringify(reason)).join(', ')}`,
    );
  }

  #check(
    { source, program, message, usesOldSelf }: CompiledRule,
    schema: JsonSchema,
    path: string,
    { isRoot, cardinality, uncorrelatable }: Place,
  ): void {
    const before = this.errors.length;
    this.#texts(source, path);
    if (this.errors.length > before) return;
    const invalid = (field: string, value: unknown, detail: string): void =>
      this.#add('FieldValueInvalid', `${path}.${field}`, value, detail);
    if ('error' in program) return invalid('rule', shown(source), program.error);
    this.costs.rule(program, schema, isRoot, cardinality, `${path}.rule`);
    if (message && 'error' in message) invalid('messageExpression', shown(source), message.error);
    else if (message) this.costs.message(message, schema, isRoot, `${path}.messageExpression`);
    if (!usesOldSelf && source.optionalOldSelf !== undefined && source.optionalOldSelf !== null) {
      invalid(
        'optionalOldSelf',
        source.optionalOldSelf,
        'may not be set if oldSelf is not used in rule',
      );
    }
    if (usesOldSelf && uncorrelatable)
      invalid(
        'rule',
        source.rule,
        'oldSelf cannot be used on the uncorrelatable portion of the schema within ' +
          `${uncorrelatable}`,
      );
  }
}

const lineBreak = /[\n\r]/;

/** A rule as kube-apiserver prints it. */
function shown(rule: ValidationRule): object {
  const {
    rule: text,
    message = '',
    messageExpression = '',
    reason = null,
    fieldPath = '',
    optionalOldSelf = null,
  } = rule;
  return {
    Rule: text,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf,
  };
}
