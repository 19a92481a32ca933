import { compile, environment } from '../../api/cel/compile.ts';
import { CelCompileError } from '../../api/cel/errors.ts';
import { dyn, type CelType } from '../../api/cel/types.ts';
import type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
} from '../../api/generated/types/admissionregistration-v1.ts';
import { splitApiVersion } from '../../api/scheme.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { policyRegistry } from './authorizer-value.ts';
import { showKind, typeOfKind } from './object-types.ts';
import { variableTypes } from './expressions.ts';

/** Kinds of one rule that are looked at. */
const maxKinds = 10;

interface Known {
  resource: ServedResource;
  type: CelType;
}

/**
 * Checks a policy's expressions against the kinds it names. Findings are warnings: the policy works
 * as it is.
 */
export async function typeCheck(
  server: Server,
  policy: ValidatingAdmissionPolicy,
): Promise<ExpressionWarning[]> {
  const kinds: Known[] = [];
  for (const resource of kindsOf(server, policy)) {
    const type = await typeOfKind(server, resource);
    if (type) kinds.push({ resource, type });
  }
  const params = await typeOfParams(server, policy);
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, expression: string | undefined): void => {
    if (!expression) return;
    const found = kinds.flatMap((kind) => problems(policy, expression, kind, params));
    if (found.length) warnings.push({ fieldRef, warning: found.join('\n') });
  };
  (policy.spec.validations ?? []).forEach((one, i) => {
    check(`spec.validations[${i}].expression`, one.expression);
    check(`spec.validations[${i}].messageExpression`, one.messageExpression);
  });
  return warnings;
}

const plain = (names: readonly string[] | undefined, mark: RegExp): string[] =>
  (names ?? []).filter((name) => !mark.test(name)).toSorted();

/** The kinds that rules name without wildcards, in the order of their names. */
function kindsOf(server: Server, policy: ValidatingAdmissionPolicy): ServedResource[] {
  const found = new Map<string, ServedResource>();
  for (const rule of policy.spec.matchConstraints?.resourceRules ?? []) {
    if ([...(rule.apiGroups ?? []), ...(rule.apiVersions ?? [])].some((name) => name.includes('*')))
      continue;
    let count = 0;
    for (const group of plain(rule.apiGroups, /\*/))
      for (const version of plain(rule.apiVersions, /\*/))
        for (const name of plain(rule.resources, /[*/]/)) {
          const resource = server.core.resources.find(group, version, name);
          if (!resource || count++ >= maxKinds) continue;
          found.set(showKind(resource), resource);
        }
  }
  return [...found.values()].toSorted(
    (a, b) =>
      compareNames(a.group, b.group) ||
      compareNames(a.version, b.version) ||
      compareNames(a.kind, b.kind),
  );
}

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function typeOfParams(
  server: Server,
  policy: ValidatingAdmissionPolicy,
): Promise<CelType | undefined> {
  const kind = policy.spec.paramKind;
  if (!kind) return undefined;
  const { group, version } = splitApiVersion(kind.apiVersion ?? '');
  const resource = server.core.resources.ofKind(group, version, kind.kind ?? '');
  return (resource && (await typeOfKind(server, resource))) ?? dyn;
}

/** What is wrong with an expression when the object is of one kind. */
function problems(
  policy: ValidatingAdmissionPolicy,
  expression: string,
  { resource, type }: Known,
  params: CelType | undefined,
): string[] {
  const variables: Record<string, CelType> = {
    ...variableTypes(params),
    object: type,
    oldObject: type,
  };
  const composed = new Map<string, CelType>();
  variables['variables'] = { kind: 'object', name: 'kubernetes.variables', fields: composed };
  const env = environment(variables, { registry: policyRegistry() });
  for (const one of policy.spec.variables ?? [])
    composed.set(one.name, typeOfVariable(one.expression, env));
  try {
    compile(expression, env);
    return [];
  } catch (error) {
    return [`${showKind(resource)}: ${(error as Error).message}\n`];
  }
}

function typeOfVariable(expression: string, env: ReturnType<typeof environment>): CelType {
  try {
    return compile(expression, env).type;
  } catch (error) {
    if (error instanceof CelCompileError) return dyn;
    throw error;
  }
}
