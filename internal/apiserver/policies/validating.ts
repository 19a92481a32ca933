import { Buffer } from 'node:buffer';
import { table } from '../../base/own.ts';
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, type StatusReason } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { addAnnotation, goJson } from '../admission/annotations.ts';
import type { AdmissionPlugin, Attributes } from '../admission/chain.ts';
import type { AdmissionConfigurations } from '../admission/configurations.ts';
import { refusal } from '../admission/refusal.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { isExempt } from '../webhooks/match.ts';
import { Evaluation } from './expressions.ts';
import { judge, type Decision, type Judgement } from './judgement.ts';
import { matchPolicy, paramsOf, UnknownParamKind } from './policy-match.ts';

interface Denial {
  /** Who denies, in words. */
  by: string;
  message: string;
  reason: StatusReason;
}

interface Bound {
  policy: ValidatingAdmissionPolicy;
  bindings: ValidatingAdmissionPolicyBinding[];
}

const codes: Record<string, number> = table({
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
});
const failureKey = 'validation.policy.admission.k8s.io/validation_failure';
const maxAnnotationLength = 10 * 1024;

/** Rules in the Common Expression Language (KEP-3488). */
export function validatingPolicies(
  server: Server,
  configurations: AdmissionConfigurations,
): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (attributes) => !isExempt(attributes),
    async validate(attributes) {
      const denials: Denial[] = [];
      // All are asked before the first denial is told: what the others have to audit and to warn of
      // is not lost.
      for (const bound of boundPolicies(configurations))
        denials.push(...(await apply(server, bound, attributes)));
      if (denials[0]) throw refused(attributes, denials[0]);
    },
  };
}

/** Policies that are bound, with their bindings; both in the order of their names. */
function boundPolicies({
  validatingBindings,
  validatingPolicies: policies,
}: AdmissionConfigurations): Bound[] {
  const byPolicy = new Map<string, ValidatingAdmissionPolicyBinding[]>();
  for (const binding of validatingBindings.list()) {
    const known = byPolicy.get(binding.spec.policyName ?? '');
    if (known) known.push(binding);
    else byPolicy.set(binding.spec.policyName ?? '', [binding]);
  }
  return [...byPolicy]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, bindings]) => {
      const policy = policies.get(name);
      return policy ? [{ policy, bindings }] : [];
    });
}

async function apply(
  server: Server,
  { policy, bindings }: Bound,
  attributes: Attributes,
): Promise<Denial[]> {
  const resource = await matchPolicy(server, policy.spec.matchConstraints, attributes);
  if (!resource) return [];
  const denials: Denial[] = [];
  const values = new Map<string, Set<string>>();
  for (const binding of bindings) {
    if (!(await matchPolicy(server, binding.spec.matchResources, attributes))) continue;
    const params = await configured(server, { policy, binding }, attributes);
    if (!Array.isArray(params)) {
      if (params) denials.push(params);
      continue;
    }
    for (const judgement of await judgements(server, { policy, resource, params }, attributes)) {
      denials.push(...act(server, { policy, binding, judgement }, attributes));
      for (const { key, value } of judgement.noted)
        if (value) values.set(key, (values.get(key) ?? new Set()).add(cut(value)));
    }
  }
  for (const [key, found] of values)
    addAnnotation(attributes, `${policy.metadata.name}/${key}`, [...found].join(', '));
  return denials;
}

const cut = (value: string): string =>
  Buffer.byteLength(value) > maxAnnotationLength
    ? Buffer.from(value).subarray(0, maxAnnotationLength).toString()
    : value;
const nameOf = (
  policy: ValidatingAdmissionPolicy,
  binding?: ValidatingAdmissionPolicyBinding,
): string =>
  'ValidatingAdmissionPolicy ' +
  `'${policy.metadata.name}'${binding ? ` with binding '${binding.metadata.name}'` : ''}`;

/**
 * The parameters, or what there is against a policy that lacks them: whatever its binding is to do,
 * it cannot be asked.
 */
async function configured(
  server: Server,
  {
    policy,
    binding,
  }: { policy: ValidatingAdmissionPolicy; binding: ValidatingAdmissionPolicyBinding },
  attributes: Attributes,
): Promise<(KubeObject | undefined)[] | Denial | undefined> {
  try {
    return await paramsOf(server, policy.spec.paramKind, binding.spec.paramRef, attributes);
  } catch (error) {
    if (policy.spec.failurePolicy === 'Ignore') return undefined;
    const ofPolicy = error instanceof UnknownParamKind;
    return {
      by: nameOf(policy, ofPolicy ? undefined : binding),
      message: `failed to configure ${ofPolicy ? 'policy' : 'binding'}: ${messageOf(error)}`,
      reason: 'Invalid',
    };
  }
}

async function judgements(
  server: Server,
  {
    policy,
    resource,
    params,
  }: {
    policy: ValidatingAdmissionPolicy;
    resource: ServedResource;
    params: (KubeObject | undefined)[];
  },
  attributes: Attributes,
): Promise<Judgement[]> {
  if (params.length === 0) return [];
  const base = await Evaluation.of(server, attributes, resource);
  const all: Judgement[] = [];
  for (const one of params)
    all.push(await judge(policy, base.withParams(one), () => server.core.clock.monotonicMs()));
  return all;
}

interface Found {
  policy: ValidatingAdmissionPolicy;
  binding: ValidatingAdmissionPolicyBinding;
  judgement: Judgement;
}

/** Does what the binding says is to be done with each finding; what is left is what denies. */
function act(
  server: Server,
  { policy, binding, judgement }: Found,
  attributes: Attributes,
): Denial[] {
  const by = nameOf(policy, binding);
  const denials: Denial[] = [];
  const count = ({ message, tookMs }: Pick<Decision, 'message' | 'tookMs'>, action: string): void =>
    server.metrics.policies.observe({
      policy: policy.metadata.name ?? '',
      binding: binding.metadata.name ?? '',
      action,
      message,
      tookMs,
    });
  judgement.decisions.forEach((decision, i) => {
    const { message, reason } = decision;
    if (decision.action === 'admit') return decision.failed ? count(decision, 'allow') : undefined;
    for (const action of binding.spec.validationActions ?? ['Deny']) {
      if (action === 'Deny') denials.push({ by, message, reason });
      else if (action === 'Audit')
        addAnnotation(attributes, failureKey, failureText(binding, decision, i));
      else if (action === 'Warn')
        attributes.call.warnings.push(`Validation failed for ${by}: ${message}`);
      count(decision, action.toLowerCase());
    }
  });
  // What cannot be noted denies, whatever the binding is to do with findings.
  for (const { error, tookMs } of judgement.noted) {
    if (error === undefined) continue;
    denials.push({ by, message: error, reason: 'Invalid' });
    count({ message: error, tookMs }, 'deny');
  }
  return denials;
}

function failureText(
  binding: ValidatingAdmissionPolicyBinding,
  { message }: Decision,
  expressionIndex: number,
): string {
  const failure = {
    message,
    policy: binding.spec.policyName,
    binding: binding.metadata.name,
    expressionIndex,
    validationActions: binding.spec.validationActions,
  };
  return goJson([failure]);
}

function refused(attributes: Attributes, { by, message, reason }: Denial): ApiError {
  const why = `${by} denied request: ${message}`;
  const plain = refusal(attributes, why);
  const causes = [{ message: why } as never];
  return new ApiError(reason, plain.message, {
    httpStatus: codes[reason] ?? 422,
    details: { ...plain.details, causes },
  });
}
