import { table } from '../../base/own.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Validation } from '../../api/generated/types/admissionregistration-v1.ts';
import { ApiError, type StatusReason } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { AdmissionPlugin, Attributes } from '../admission/chain.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import { refusal } from '../admission/refusal.ts';
import type { Server } from '../server.ts';
import { isExempt } from '../webhooks/match.ts';
import { declared } from './declared.ts';
import { compileExpression, Evaluation } from './expressions.ts';
import { matchPolicy, paramsOf } from './policy-match.ts';

interface Finding {
  message: string;
  reason: StatusReason;
}

const codes: Record<string, number> = table({ Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 });

/** Rules in the Common Expression Language (KEP-3488). */
export function validatingPolicies(server: Server): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (attributes) => !isExempt(attributes),
    async validate(attributes) {
      for (const binding of await lookupAll<ValidatingAdmissionPolicyBinding>(server.core, '/registry/validatingadmissionpolicybindings/')) {
        const policy = await lookup<ValidatingAdmissionPolicy>(server.core, `/registry/validatingadmissionpolicies/${binding.spec.policyName}`);
        if (policy) await judge(server, policy, binding, attributes);
      }
    },
  };
}

async function judge(server: Server, policy: ValidatingAdmissionPolicy, binding: ValidatingAdmissionPolicyBinding, attributes: Attributes): Promise<void> {
  const resource = await matchPolicy(server, policy.spec.matchConstraints, attributes);
  if (!resource || !(await matchPolicy(server, binding.spec.matchResources, attributes))) return;
  const actions = binding.spec.validationActions ?? ['Deny'];
  const findings: Finding[] = [];
  try {
    const base = await Evaluation.of(server, attributes, resource);
    for (const params of await paramsOf(server, policy.spec.paramKind, binding.spec.paramRef, attributes)) findings.push(...(await evaluate(policy, base.withParams(params))));
  } catch (error) {
    if (policy.spec.failurePolicy === 'Ignore') return;
    findings.push({ message: messageOf(error), reason: 'Invalid' });
  }
  const who = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  for (const finding of findings) {
    if (actions.includes('Warn')) attributes.call.warnings.push(`Validation failed for ${who}: ${finding.message}`);
    if (actions.includes('Deny')) throw denial(attributes, `${who} denied request: ${finding.message}`, finding.reason);
  }
}

function denial(attributes: Attributes, why: string, reason: StatusReason): ApiError {
  const plain = refusal(attributes, why);
  const causes = [{ message: why } as never];
  return new ApiError(reason, plain.message, { httpStatus: codes[reason] ?? 422, details: { ...plain.details, causes } });
}

/** What a policy has against the request. A condition that is false takes the request out of the policy. */
async function evaluate(policy: ValidatingAdmissionPolicy, evaluation: Evaluation): Promise<Finding[]> {
  const { spec } = policy;
  const params = spec.paramKind !== undefined && spec.paramKind !== null;
  const scope = declared(spec.variables, params);
  evaluation.declare(scope.programs);
  for (const { expression } of spec.matchConditions ?? []) {
    if (!(await evaluation.holds(compileExpression(expression, { params, variables: undefined, result: 'bool' })))) return [];
  }
  const findings: Finding[] = [];
  for (const validation of spec.validations ?? []) findings.push(...(await judged(validation, evaluation, { params, variables: scope.types }, spec.failurePolicy === 'Ignore')));
  return findings;
}

async function judged(validation: Validation, evaluation: Evaluation, options: { params: boolean; variables: Parameters<typeof compileExpression>[1]['variables'] }, ignoreErrors: boolean): Promise<Finding[]> {
  const reason = (validation.reason || 'Invalid') as StatusReason;
  try {
    if ((await evaluation.run(compileExpression(validation.expression, { ...options, result: 'bool' }))) === true) return [];
  } catch (error) {
    if (ignoreErrors) return [];
    return [{ message: `expression '${validation.expression}' resulted in error: ${messageOf(error)}`, reason }];
  }
  return [{ message: await messageFor(validation, evaluation, options), reason }];
}

async function messageFor(validation: Validation, evaluation: Evaluation, options: { params: boolean; variables: Parameters<typeof compileExpression>[1]['variables'] }): Promise<string> {
  const fallback = validation.message || `failed expression: ${validation.expression}`;
  if (!validation.messageExpression) return fallback;
  try {
    const text = await evaluation.run(compileExpression(validation.messageExpression, { ...options, result: 'string' }));
    return typeof text === 'string' && text.trim() && !text.includes('\n') ? text.trim() : fallback;
  } catch {
    return fallback;
  }
}
