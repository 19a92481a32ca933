import type { MatchCondition, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation } from '../../api/generated/types/admissionregistration-v1.ts';
import { mergeTyped } from '../../api/apply/merge-typed.ts';
import { toJson } from '../../api/cel/values.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { applyJsonPatch, jsonEqual } from '../../api/patch/json.ts';
import { messageOf } from '../../base/errors.ts';
import type { AdmissionPlugin, Attributes } from '../admission/chain.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import { refusal } from '../admission/refusal.ts';
import type { Server } from '../server.ts';
import { isExempt } from '../webhooks/match.ts';
import { declared } from './declared.ts';
import { compileExpression, Evaluation } from './expressions.ts';
import { matchPolicy, paramsOf } from './policy-match.ts';

type Bound = { policy: MutatingAdmissionPolicy; binding: MutatingAdmissionPolicyBinding };

/** Changes in the Common Expression Language (KEP-3962). */
export function mutatingPolicies(server: Server): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionPolicy',
    handles: (attributes) => !isExempt(attributes) && attributes.operation !== 'DELETE',
    async admit(attributes) {
      const bindings = await lookupAll<MutatingAdmissionPolicyBinding>(server.core, '/registry/mutatingadmissionpolicybindings/');
      const again: { bound: Bound; seen: unknown }[] = [];
      for (const binding of bindings) {
        const policy = await lookup<MutatingAdmissionPolicy>(server.core, `/registry/mutatingadmissionpolicies/${binding.spec.policyName}`);
        if (!policy) continue;
        const bound = { policy, binding };
        if (await mutate(server, bound, attributes)) again.push({ bound, seen: deepCopy(attributes.object) });
      }
      for (const { bound, seen } of again) if (bound.policy.spec.reinvocationPolicy === 'IfNeeded' && !jsonEqual(seen, attributes.object)) await mutate(server, bound, attributes);
    },
  };
}

/** Whether the policy had anything to do with the request. */
async function mutate(server: Server, { policy, binding }: Bound, attributes: Attributes): Promise<boolean> {
  const { spec } = policy;
  const resource = await matchPolicy(server, spec.matchConstraints, attributes);
  if (!resource || !(await matchPolicy(server, binding.spec.matchResources, attributes)) || !attributes.object) return false;
  const params = spec.paramKind !== undefined && spec.paramKind !== null;
  try {
    const scope = declared(spec.variables, params, true);
    for (const param of await paramsOf(server, spec.paramKind, binding.spec.paramRef, attributes)) {
      for (const mutation of spec.mutations ?? []) {
        // Each change sees those before it.
        const evaluation = (await Evaluation.of(server, attributes, attributes.call.resource)).withParams(param);
        evaluation.declare(scope.programs);
        if (!(await conditionsHold(spec.matchConditions, evaluation, params))) break;
        await change(server, attributes, mutation, evaluation, { params, variables: scope.types, constructs: true });
      }
    }
    return true;
  } catch (error) {
    if (spec.failurePolicy === 'Ignore') return false;
    const why = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${messageOf(error)}`;
    throw refusal(attributes, why);
  }
}

async function conditionsHold(conditions: readonly MatchCondition[] | undefined, evaluation: Evaluation, params: boolean): Promise<boolean> {
  for (const { expression } of conditions ?? []) {
    if (!(await evaluation.holds(compileExpression(expression, { params, variables: undefined, result: 'bool' })))) return false;
  }
  return true;
}

async function change(server: Server, attributes: Attributes, mutation: Mutation, evaluation: Evaluation, options: Parameters<typeof compileExpression>[1]): Promise<void> {
  const { call } = attributes;
  const object = attributes.object as KubeObject;
  let next: KubeObject;
  if (mutation.patchType === 'JSONPatch') {
    const patch = toJson(await evaluation.run(compileExpression(mutation.jsonPatch?.expression ?? '', options)));
    next = applyJsonPatch(object, patch) as KubeObject;
  } else {
    const config = toJson(await evaluation.run(compileExpression(mutation.applyConfiguration?.expression ?? '', options)));
    const info = server.scheme.kind(call.resource.group, call.resource.version, call.resource.kind);
    if (!info) throw new Error(`no schema for ${call.resource.kind}`);
    next = mergeTyped(info.type, object, config, { custom: info.custom }) as KubeObject;
  }
  const { object: normal } = call.resource.engine.normalize(deepCopy(next));
  for (const key of Object.keys(object)) if (!(key in normal)) delete object[key];
  Object.assign(object, normal);
}
