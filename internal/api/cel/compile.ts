import type { Node } from './ast.ts';
import { Checker, type CelEnvironment, type Checked } from './check.ts';
import { CelBudgetError, CelCompileError } from './errors.ts';
import { Evaluator, Meter, type Lookup } from './evaluate.ts';
import { standardRegistry } from './libraries/standard.ts';
import { parse } from './parser.ts';
import type { Registry } from './registry.ts';
import { dyn, showType, type CelType } from './types.ts';
import type { Value } from './values.ts';

export type { CelEnvironment } from './check.ts';

/**
 * What one evaluation of an expression may cost, unless the caller says otherwise (Kubernetes'
 * PerCallLimit).
 */
export const costPerCall = 1_000_000;

export interface Program {
  readonly source: string;
  readonly ast: Node;
  readonly checked: Checked;
  /** What it evaluates to; dyn when only running it tells. */
  readonly type: CelType;
  /** Throws CelError, or CelBudgetError when the meter runs out. */
  evaluate(lookup: Lookup, meter?: Meter): Value;
}

/** An environment in which every variable may be anything, or is of the type given. */
export function environment(
  variables: Readonly<Record<string, CelType>> | readonly string[],
  options: { registry?: Registry; structs?: (name: string) => boolean; bindings?: boolean } = {},
): CelEnvironment {
  const typed = Array.isArray(variables)
    ? Object.fromEntries((variables as string[]).map((name) => [name, dyn]))
    : (variables as Record<string, CelType>);
  return {
    variables: typed,
    registry: options.registry ?? standardRegistry(),
    ...(options.structs ? { structs: options.structs } : {}),
    ...(options.bindings ? { bindings: true } : {}),
  };
}

/** Parses and checks. Throws CelCompileError with every complaint. */
export function compile(source: string, env: CelEnvironment): Program {
  const ast = parse(
    source,
    env.bindings ? new Set([...env.registry.qualified, 'cel.bind']) : env.registry.qualified,
  );
  const checker = new Checker(env);
  const type = checker.check(ast);
  if (checker.issues.length) throw new CelCompileError(source, checker.issues);
  const evaluate = (lookup: Lookup, meter: Meter = new Meter(costPerCall)): Value => {
    try {
      return new Evaluator(env.registry, lookup, meter).evaluate(ast);
    } catch (error) {
      // Data nested too deep for the stack, or a text too long for the engine: more than may be
      // spent, not a fault.
      throw error instanceof RangeError ? new CelBudgetError() : error;
    }
  };
  return { source, ast, checked: checker.checked, type, evaluate };
}

/**
 * Why the program cannot be used where one of these kinds is asked for; undefined if it can. What
 * may be anything cannot.
 */
export function wrongResult(program: Program, ...kinds: CelType['kind'][]): string | undefined {
  if (program.type.kind === 'param' || kinds.includes(program.type.kind)) return undefined;
  return kinds.length === 1
    ? `must evaluate to ${kinds[0]} but got ${showType(program.type)}`
    : `must evaluate to one of ${kinds.join(', ')}, not ${showType(program.type)}`;
}
