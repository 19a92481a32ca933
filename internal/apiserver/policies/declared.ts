import type { Variable } from '../../api/generated/types/admissionregistration-v1.ts';
import type { Program } from '../../api/cel/compile.ts';
import type { CelType } from '../../api/cel/types.ts';
import { compileExpression } from './expressions.ts';

/** The composed variables of a policy in their order: each may use those before it. */
export function declared(
  variables: readonly Variable[] | undefined,
  params: boolean,
  constructs = false,
): { types: Map<string, CelType>; programs: Map<string, Program> } {
  const types = new Map<string, CelType>();
  const programs = new Map<string, Program>();
  for (const { name, expression } of variables ?? []) {
    const program = compileExpression(expression, {
      params,
      variables: new Map(types),
      constructs,
    });
    programs.set(name, program);
    types.set(name, program.type);
  }
  return { types, programs };
}
