import { compile, environment, type Program } from '../cel/compile.ts';
import { childrenOf, type Node } from '../cel/ast.ts';
import { optionalOf } from '../cel/types.ts';
import { messageOf } from '../../base/errors.ts';
import { additional, type JsonSchema } from './json-schema.ts';
import { typeOfSchema } from './rule-types.ts';

/** apiextensions.k8s.io/v1 ValidationRule. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

export interface CompiledRule {
  source: ValidationRule;
  /** What is wrong with it instead. */
  program: Program | { error: string };
  message: Program | { error: string } | undefined;
  /** It judges a change, not a state. */
  usesOldSelf: boolean;
}

function rulesOf(schema: JsonSchema): readonly ValidationRule[] {
  return (schema['x-kubernetes-validations'] ?? []) as ValidationRule[];
}

const compiled = new WeakMap<JsonSchema, readonly CompiledRule[]>();

/** The rules of one schema node, compiled when first asked for. */
export function compiledRules(schema: JsonSchema, isRoot: boolean): readonly CompiledRule[] {
  let found = compiled.get(schema);
  if (!found)
    compiled.set(
      schema,
      (found = rulesOf(schema).map((rule) => compileRule(rule, schema, isRoot))),
    );
  return found;
}

function compileRule(source: ValidationRule, schema: JsonSchema, isRoot: boolean): CompiledRule {
  const self = typeOfSchema(schema, isRoot);
  const env = environment({ self, oldSelf: source.optionalOldSelf ? optionalOf(self) : self });
  const attempt = (
    text: string,
    kind: 'bool' | 'string',
    wrong: string,
  ): Program | { error: string } => {
    try {
      const program = compile(text, env);
      return program.type.kind === kind ? program : { error: wrong };
    } catch (error) {
      return { error: `compilation failed: ${messageOf(error)}` };
    }
  };
  const program = attempt(source.rule, 'bool', 'cel expression must evaluate to a bool');
  const message = source.messageExpression
    ? attempt(source.messageExpression, 'string', 'messageExpression must evaluate to a string')
    : undefined;
  return {
    source,
    program,
    message,
    usesOldSelf: 'ast' in program && mentions(program.ast, 'oldSelf'),
  };
}

function mentions(node: Node, name: string): boolean {
  return node.kind === 'ident'
    ? node.name === name
    : childrenOf(node).some((child) => mentions(child, name));
}

const withRules = new WeakMap<JsonSchema, boolean>();

/**
 * Whether there is any rule at or below a schema: most have none, and their data is not looked at.
 */
export function hasRules(schema: JsonSchema): boolean {
  let found = withRules.get(schema);
  if (found === undefined) {
    const values = additional(schema);
    const below = [
      ...Object.values(schema.properties ?? {}),
      ...(schema.items ? [schema.items] : []),
      ...(values ? [values] : []),
    ];
    found = rulesOf(schema).length > 0 || below.some(hasRules);
    withRules.set(schema, found);
  }
  return found;
}
