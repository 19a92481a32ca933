import type { FieldError } from '../status.ts';
import { additional, type JsonSchema } from './json-schema.ts';
import { compiledRules, hasRules, type CompiledRule, type ValidationRule } from './rules.ts';

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** What is wrong with the rules of a structural schema. */
export function validateRules(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  visit(schema, path, undefined, true, errors);
  return errors;
}

function visit(schema: JsonSchema, path: string, uncorrelatable: string | undefined, isRoot: boolean, errors: FieldError[]): void {
  if (!hasRules(schema)) return;
  compiledRules(schema, isRoot).forEach((rule, i) => check(rule, `${path}.x-kubernetes-validations[${i}]`, uncorrelatable, errors));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) visit(inner, `${path}.properties[${name}]`, uncorrelatable, false, errors);
  const values = additional(schema);
  if (values) visit(values, `${path}.additionalProperties`, uncorrelatable, false, errors);
  const below = uncorrelatable ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : `${path}.items`);
  if (schema.items) visit(schema.items, `${path}.items`, below, false, errors);
}

function check({ source, program, message, usesOldSelf }: CompiledRule, path: string, uncorrelatable: string | undefined, errors: FieldError[]): void {
  const invalid = (field: string, value: unknown, detail: string): unknown => errors.push({ type: 'FieldValueInvalid', field: `${path}.${field}`, value, detail });
  for (const field of ['message', 'fieldPath'] as const) {
    const text = source[field];
    if (text && !text.trim()) invalid(field, text, 'must be non-empty if specified');
    else if (text?.includes('\n')) invalid(field, text, 'must not contain line breaks');
  }
  if (source.reason !== undefined && source.reason !== null && !reasons.includes(source.reason)) {
    const detail = `supported values: ${reasons.map((reason) => JSON.stringify(reason)).join(', ')}`;
    errors.push({ type: 'FieldValueNotSupported', field: `${path}.reason`, value: source.reason, detail });
  }
  if (!source.rule?.trim()) return;
  if ('error' in program) invalid('rule', shown(source), program.error);
  if (message && 'error' in message) invalid('messageExpression', shown(source), message.error);
  if (!usesOldSelf && source.optionalOldSelf !== undefined && source.optionalOldSelf !== null && !('error' in program)) {
    invalid('optionalOldSelf', source.optionalOldSelf, 'may not be set if oldSelf is not used in rule');
  }
  if (usesOldSelf && uncorrelatable) invalid('rule', source.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`);
}

/** A rule as kube-apiserver prints it. */
function shown(rule: ValidationRule): object {
  const { rule: text, message = '', messageExpression = '', reason = null, fieldPath = '', optionalOldSelf = null } = rule;
  return { Rule: text, Message: message, MessageExpression: messageExpression, Reason: reason, FieldPath: fieldPath, OptionalOldSelf: optionalOldSelf };
}
