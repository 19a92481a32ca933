import type { SubjectAccessReviewSpec } from '../../api/generated/types/authorization-v1.ts';
import {
  compile,
  costPerCall,
  environment,
  wrongResult,
  type Program,
} from '../../api/cel/compile.ts';
import { Meter } from '../../api/cel/evaluate.ts';
import { listOf, mapOf, string, type CelType } from '../../api/cel/types.ts';
import { fromJson } from '../../api/cel/values.ts';
import { aggregate } from '../../api/selector-requirement.ts';
import { messageOf } from '../../base/errors.ts';

/** A webhook's conditions at most (apiserver validation compileMatchConditions). */
export const maxConditions = 64;

/** An expression that cannot be a condition. */
export class ConditionError extends Error {}

export interface Conditions {
  /** False when one condition says no. Throws the errors of those that fail when none says no. */
  match(spec: SubjectAccessReviewSpec): boolean;
}

const object = (name: string, fields: Record<string, CelType>): CelType => ({
  kind: 'object',
  name: `kubernetes.${name}`,
  fields: new Map(Object.entries(fields)),
});
const texts = (...names: string[]): Record<string, CelType> =>
  Object.fromEntries(names.map((name) => [name, string]));
const requirement = object('SelectorRequirement', {
  ...texts('key', 'operator'),
  values: listOf(string),
});
const selector = (name: string): CelType =>
  object(name, { rawSelector: string, requirements: listOf(requirement) });

/** What conditions know of `request` (authorization/cel compile.go). */
const requestType = object('SubjectAccessReviewSpec', {
  ...texts('user', 'uid'),
  groups: listOf(string),
  extra: mapOf(string, listOf(string)),
  resourceAttributes: object('ResourceAttributes', {
    ...texts('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
    fieldSelector: selector('FieldSelectorAttributes'),
    labelSelector: selector('LabelSelectorAttributes'),
  }),
  nonResourceAttributes: object('NonResourceAttributes', texts('path', 'verb')),
});

/** Throws a ConditionError. */
export function compileConditions(expressions: readonly string[]): Conditions {
  const programs = expressions.map(compiled);
  return {
    match(spec) {
      const request = fromJson(shown(spec), requestType);
      const failures: string[] = [];
      for (const program of programs) {
        try {
          if (
            program.evaluate(
              (name) => (name === 'request' ? request : undefined),
              new Meter(costPerCall),
            ) !== true
          )
            return false;
        } catch (error) {
          failures.push(
            `cel evaluation error: expression '${program.source}' resulted in error: ` +
              `${messageOf(error)}`,
          );
        }
      }
      if (failures.length > 0) throw new Error(aggregate(failures));
      return true;
    },
  };
}

function compiled(expression: string): Program {
  let program: Program;
  try {
    program = compile(expression, environment({ request: requestType }));
  } catch (error) {
    throw new ConditionError(`compilation failed: ${messageOf(error)}`, { cause: error });
  }
  const wrong = wrongResult(program, 'bool');
  if (wrong) throw new ConditionError(wrong);
  return program;
}

/** Every text is there, even an empty one. */
function shown({
  user = '',
  uid = '',
  groups = [],
  extra = {},
  resourceAttributes: at,
  nonResourceAttributes: path,
}: SubjectAccessReviewSpec): object {
  const empty = {
    namespace: '',
    verb: '',
    group: '',
    version: '',
    resource: '',
    subresource: '',
    name: '',
  };
  return {
    user,
    uid,
    groups,
    extra,
    ...(at && { resourceAttributes: { ...empty, ...at } }),
    ...(path && { nonResourceAttributes: { path: path.path ?? '', verb: path.verb ?? '' } }),
  };
}
