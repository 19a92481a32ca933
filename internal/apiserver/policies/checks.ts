import type {
  MatchCondition,
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicySpec,
  Variable,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { CelType } from '../../api/cel/types.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import { invalid, type FieldError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { AdmissionPlugin } from '../admission/chain.ts';
import { annotationResults } from './judgement.ts';
import { compileExpression, type ExpressionOptions } from './expressions.ts';

const policies = new Set(['validatingadmissionpolicies', 'mutatingadmissionpolicies']);

/** Expressions must compile before an object that holds them is stored. */
export const policyChecks: AdmissionPlugin = {
  name: 'PolicyChecks',
  handles: ({ call, operation }) =>
    policies.has(call.resource.resource) &&
    call.resource.group === 'admissionregistration.k8s.io' &&
    call.subresource === '' &&
    (operation === 'CREATE' || operation === 'UPDATE'),
  validate({ call, object, old }) {
    if (!object) return;
    const errors = errorsIn(object);
    if (errors.length === 0) return;
    // What was stored before may stay as it is.
    const known = new Set(
      old ? errorsIn(old).map((one) => JSON.stringify([one.value, one.detail])) : [],
    );
    const fresh = errors.filter((one) => !known.has(JSON.stringify([one.value, one.detail])));
    if (fresh.length) throw invalid(call.resource, object.metadata.name ?? '', fresh);
  },
};

function errorsIn(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const check = (
    field: string,
    expression: string | undefined,
    options: ExpressionOptions,
  ): void => {
    if (!expression?.trim()) return;
    try {
      compileExpression(
        options.result === annotationResults ? expression.trim() : expression,
        options,
      );
    } catch (error) {
      errors.push({
        type: 'FieldValueInvalid',
        field,
        value: expression,
        detail: messageOf(error),
      });
    }
  };
  const conditions = (
    path: string,
    list: readonly MatchCondition[] | undefined,
    params: boolean,
  ): void =>
    (list ?? []).forEach((one, i) =>
      check(`${path}.matchConditions[${i}].expression`, one.expression, {
        params,
        variables: undefined,
        result: 'bool',
      }),
    );
  const spec = fieldsOf(object)['spec'] as
    | (ValidatingAdmissionPolicySpec & MutatingAdmissionPolicySpec)
    | undefined;
  if (!spec) return errors;
  const params = spec.paramKind !== undefined && spec.paramKind !== null;
  conditions('spec', spec.matchConditions, params);
  const types = variablesOf(spec.variables, params, spec.mutations !== undefined, check);
  (spec.validations ?? []).forEach((one, i) => {
    check(`spec.validations[${i}].expression`, one.expression, {
      params,
      variables: types,
      result: 'bool',
    });
    check(`spec.validations[${i}].messageExpression`, one.messageExpression, {
      params,
      variables: types,
      result: 'string',
    });
  });
  (spec.auditAnnotations ?? []).forEach((one, i) =>
    check(`spec.auditAnnotations[${i}].valueExpression`, one.valueExpression, {
      params,
      variables: types,
      result: annotationResults,
    }),
  );
  (spec.mutations ?? []).forEach((one, i) => {
    check(
      `spec.mutations[${i}].applyConfiguration.expression`,
      one.applyConfiguration?.expression,
      { params, variables: types, constructs: true },
    );
    check(`spec.mutations[${i}].jsonPatch.expression`, one.jsonPatch?.expression, {
      params,
      variables: types,
      constructs: true,
    });
  });
  return errors;
}

function variablesOf(
  variables: readonly Variable[] | undefined,
  params: boolean,
  constructs: boolean,
  check: (field: string, expression: string, options: ExpressionOptions) => void,
): Map<string, CelType> {
  const types = new Map<string, CelType>();
  (variables ?? []).forEach((one, i) => {
    const options = { params, variables: new Map(types), constructs };
    check(`spec.variables[${i}].expression`, one.expression, options);
    types.set(one.name, typeOf(one.expression, options));
  });
  return types;
}

function typeOf(expression: string, options: ExpressionOptions): CelType {
  try {
    return compileExpression(expression, options).type;
  } catch {
    return { kind: 'dyn' };
  }
}
