import { own } from '../../base/own.ts';
import { costPerCall, type Program } from '../cel/compile.ts';
import { CelBudgetError, CelError } from '../cel/errors.ts';
import { Meter } from '../cel/evaluate.ts';
import { fromJson, Optional, type Value } from '../cel/values.ts';
import { semanticEqual } from '../loose.ts';
import { noValue, type FieldError, type FieldErrorType } from '../status.ts';
import { additional, isMap, join, type JsonSchema, type Values } from './json-schema.ts';
import { typeOfSchema } from './rule-types.ts';
import { compiledRules, hasRules, type CompiledRule, type ValidationRule } from './rules.ts';

/** All rules of one object together may cost this much (Kubernetes' RuntimeCELCostBudget). */
const costPerObject = 10_000_000;

/**
 * Judges an object by the rules of its schema. With `old`, rules about changes speak too, and what
 * did not change is left alone.
 */
export function runRules(schema: JsonSchema, object: Values, old?: Values): FieldError[] {
  if (!hasRules(schema)) return [];
  const run = new RuleRun();
  run.visit(schema, object, '', old, true);
  return run.errors;
}

class RuleRun {
  readonly errors: FieldError[] = [];
  #left = costPerObject;
  #over = false;

  visit(schema: JsonSchema, value: unknown, path: string, old: unknown, isRoot = false): void {
    if (this.#over || value === null || value === undefined || !hasRules(schema)) return;
    const unchanged = old !== undefined && semanticEqual(value, old);
    for (const rule of compiledRules(schema, isRoot)) {
      if (this.#over) return;
      if (unchanged && !rule.usesOldSelf) continue;
      if (rule.usesOldSelf && (old === undefined || old === null) && !rule.source.optionalOldSelf)
        continue;
      this.#judge(rule, schema, value, path, old, isRoot);
    }
    if (Array.isArray(value)) this.#items(schema, value, path, old);
    else if (isMap(value)) this.#fields(schema, value, path, old);
  }

  #fields(schema: JsonSchema, object: Values, path: string, old: unknown): void {
    const before = isMap(old) ? old : {};
    const properties = schema.properties ?? {};
    for (const [name, inner] of Object.entries(properties))
      this.visit(inner, own(object, name), join(path, name), own(before, name));
    const values = additional(schema);
    if (!values) return;
    for (const [key, value] of Object.entries(object))
      if (!Object.hasOwn(properties, key))
        this.visit(values, value, `${path}[${key}]`, own(before, key));
  }

  /** Only items of keyed lists can be told apart from one version to the next. */
  #items(schema: JsonSchema, list: readonly unknown[], path: string, old: unknown): void {
    const { items } = schema;
    if (!items) return;
    const keys =
      schema['x-kubernetes-list-type'] === 'map'
        ? (schema['x-kubernetes-list-map-keys'] ?? [])
        : undefined;
    const keyOf = (item: unknown): string =>
      keys && isMap(item) ? JSON.stringify(keys.map((key) => own(item, key) ?? null)) : '';
    const before =
      keys && Array.isArray(old) ? new Map(old.map((item) => [keyOf(item), item])) : undefined;
    list.forEach((item, i) => this.visit(items, item, `${path}[${i}]`, before?.get(keyOf(item))));
  }

  #judge(
    rule: CompiledRule,
    schema: JsonSchema,
    value: unknown,
    path: string,
    old: unknown,
    isRoot: boolean,
  ): void {
    const { program, source } = rule;
    if ('error' in program)
      return this.#add(
        'FieldValueInvalid',
        path,
        schema.type ?? '',
        `rule compile error: ${program.error}`,
      );
    const type = typeOfSchema(schema, isRoot);
    const self = fromJson(value, type);
    const hasOld = old !== undefined && old !== null;
    const before = hasOld ? fromJson(old, type) : undefined;
    const oldSelf = source.optionalOldSelf ? new Optional(before) : before;
    const lookup = (name: string): Value | undefined =>
      name === 'self' ? self : name === 'oldSelf' ? oldSelf : undefined;
    const answer = this.#run(program, lookup);
    if (answer instanceof Error) return this.#failed(answer, source, schema, path);
    if (answer === true) return;
    const at = source.fieldPath ? join(path, source.fieldPath.replace(/^\./, '')) : path;
    const detail =
      this.#message(rule, lookup) ??
      (source.message?.trim() || `failed rule: ${source.rule.trim()}`);
    this.#add(
      (source.reason ?? 'FieldValueInvalid') as FieldErrorType,
      at,
      schema.type === 'object' || schema.type === 'array' ? noValue : value,
      detail,
    );
  }

  #run(program: Program, lookup: (name: string) => Value | undefined): Value | Error {
    const meter = new Meter(Math.min(costPerCall, this.#left));
    try {
      return program.evaluate(lookup, meter);
    } catch (error) {
      if (error instanceof CelError || error instanceof CelBudgetError) return error;
      throw error;
    } finally {
      this.#left -= meter.spent;
    }
  }

  #message(
    { message }: CompiledRule,
    lookup: (name: string) => Value | undefined,
  ): string | undefined {
    if (!message || 'error' in message) return undefined;
    const text = this.#run(message, lookup);
    return typeof text === 'string' && text.trim() && !text.includes('\n')
      ? text.trim()
      : undefined;
  }

  #failed(error: Error, source: ValidationRule, schema: JsonSchema, path: string): void {
    const rule = source.message?.trim() || source.rule.trim();
    const add = (detail: string): void =>
      this.#add('FieldValueInvalid', path, schema.type ?? '', detail);
    if (error instanceof CelBudgetError) {
      this.#over = true;
      if (this.#left <= 0)
        return add(
          'validation failed due to running out of cost budget, no further validation rules ' +
            'will be run',
        );
      return add(
        `'${error.message}': no further validation rules will be run due to call cost ` +
          `exceeds limit for rule: ${rule}`,
      );
    }
    if (error.message.startsWith('no such overload'))
      return add(
        `'no such overload': call arguments did not match a supported operator, function or ` +
          `macro signature for rule: ${rule}`,
      );
    add(`${error.message} evaluating rule: ${rule}`);
  }

  #add(type: FieldErrorType, path: string, value: unknown, detail: string): void {
    this.errors.push({ type, field: path || '<nil>', value, detail });
  }
}
