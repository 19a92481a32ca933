import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '../../api/generated/types/admissionregistration-v1.ts';
import { atomicsIn } from '../../api/apply/atomics.ts';
import { mergeTyped } from '../../api/apply/merge-typed.ts';
import { typedErrors, typedErrorText } from '../../api/apply/validate-typed.ts';
import { toJson } from '../../api/cel/values.ts';
import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { applyJsonPatch, isFailedTest, jsonEqual } from '../../api/patch/json.ts';
import { ApiError, type StatusReason } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { AdmissionPlugin, Attributes } from '../admission/chain.ts';
import type { AdmissionConfigurations } from '../admission/configurations.ts';
import { refusal } from '../admission/refusal.ts';
import { apiVersion } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { isExempt } from '../webhooks/match.ts';
import { declared } from './declared.ts';
import { compileExpression, Evaluation, type ExpressionOptions } from './expressions.ts';
import { matchPolicy, paramsOf, UnknownParamKind } from './policy-match.ts';

type Bound = { policy: MutatingAdmissionPolicy; binding: MutatingAdmissionPolicyBinding };

interface Failure {
  message: string;
  reason: StatusReason;
}

/** Changes in the Common Expression Language (KEP-3962). */
export function mutatingPolicies(
  server: Server,
  configurations: AdmissionConfigurations,
): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionPolicy',
    handles: (attributes) => !isExempt(attributes) && attributes.operation !== 'DELETE',
    async admit(attributes) {
      const bindings = configurations.mutatingBindings.list();
      if (bindings.length === 0) return;
      const again: { bound: Bound; seen: unknown }[] = [];
      const failures: Failure[] = [];
      for (const binding of bindings) {
        const policy = configurations.mutatingPolicies.get(binding.spec.policyName ?? '');
        if (!policy) continue;
        const bound = { policy, binding };
        if (await mutate(server, bound, attributes, failures))
          again.push({ bound, seen: deepCopy(attributes.object) });
      }
      for (const { bound, seen } of again)
        if (
          bound.policy.spec.reinvocationPolicy === 'IfNeeded' &&
          !jsonEqual(seen, attributes.object)
        )
          await mutate(server, bound, attributes, failures);
      if (failures[0]) throw refused(attributes, failures[0], failures);
    },
  };
}

/** The first failure answers; the causes are all of them. */
function refused(attributes: Attributes, { message, reason }: Failure, all: Failure[]): ApiError {
  const plain = refusal(attributes, message);
  return new ApiError(reason, message, {
    httpStatus: plain.httpStatus,
    details: { ...plain.details, causes: all.map((one) => ({ message: one.message }) as never) },
  });
}

/**
 * Whether the policy had anything to do with the request. What fails is added to `failures`, unless
 * the policy ignores it.
 */
async function mutate(
  server: Server,
  { policy, binding }: Bound,
  attributes: Attributes,
  failures: Failure[],
): Promise<boolean> {
  const { spec } = policy;
  const resource = await matchPolicy(server, spec.matchConstraints, attributes);
  if (
    !resource ||
    !(await matchPolicy(server, binding.spec.matchResources, attributes)) ||
    !attributes.object
  )
    return false;
  const params = spec.paramKind !== undefined && spec.paramKind !== null;
  const fail = (
    message: string,
    { reason = 'Invalid', ofPolicy = false }: { reason?: StatusReason; ofPolicy?: boolean } = {},
  ): void => {
    if (spec.failurePolicy === 'Ignore') return;
    const by = ofPolicy
      ? `policy "${policy.metadata.name}"`
      : `policy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
    failures.push({ message: `${by} denied request: ${message}`, reason });
  };
  let values: Awaited<ReturnType<typeof paramsOf>>;
  try {
    values = await paramsOf(server, spec.paramKind, binding.spec.paramRef, attributes);
  } catch (error) {
    const ofPolicy = error instanceof UnknownParamKind;
    fail(`failed to configure ${ofPolicy ? 'policy' : 'binding'}: ${messageOf(error)}`, {
      reason: 'Forbidden',
      ofPolicy,
    });
    return false;
  }
  for (const param of values) {
    try {
      const scope = declared(spec.variables, params, true);
      const see = async (): Promise<Evaluation> => {
        const evaluation = (
          await Evaluation.of(server, attributes, attributes.call.resource)
        ).withParams(param);
        evaluation.declare(scope.programs);
        return evaluation;
      };
      if (!(await conditionsHold(spec.matchConditions, await see(), params))) continue;
      for (const mutation of spec.mutations ?? []) {
        // Each change sees those before it; one that fails does not keep the next from its work.
        const evaluation = await see();
        const began = server.core.clock.monotonicMs();
        const count = (message: string): void =>
          server.metrics.mutations.observe({
            policy: policy.metadata.name ?? '',
            binding: binding.metadata.name ?? '',
            message,
            tookMs: server.core.clock.monotonicMs() - began,
          });
        await change(server, attributes, mutation, {
          evaluation,
          options: { params, variables: scope.types, constructs: true },
        }).then(
          () => count(''),
          (error: unknown) => {
            count(messageOf(error));
            if (error instanceof ApiError && error.reason === 'InternalError') throw error;
            fail(messageOf(error));
          },
        );
      }
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'InternalError') throw error;
      fail(messageOf(error));
    }
  }
  return true;
}

async function conditionsHold(
  conditions: readonly MatchCondition[] | undefined,
  evaluation: Evaluation,
  params: boolean,
): Promise<boolean> {
  for (const { expression } of conditions ?? []) {
    if (
      !(await evaluation.holds(
        compileExpression(expression, { params, variables: undefined, result: 'bool' }),
      ))
    )
      return false;
  }
  return true;
}

interface Means {
  evaluation: Evaluation;
  options: ExpressionOptions;
}

async function change(
  server: Server,
  attributes: Attributes,
  mutation: Mutation,
  means: Means,
): Promise<void> {
  const { call } = attributes;
  const object = attributes.object as KubeObject;
  const next =
    mutation.patchType === 'JSONPatch'
      ? patched(object, await resultOf(mutation.jsonPatch?.expression, means))
      : laidOver(
          server,
          attributes,
          await resultOf(mutation.applyConfiguration?.expression, means),
        );
  if (next === object) return;
  const normal = strictly(() => call.resource.engine.normalize(deepCopy(next)));
  for (const key of Object.keys(object)) if (!(key in normal)) delete fieldsOf(object)[key];
  Object.assign(object, normal);
}

async function resultOf(
  expression: string | undefined,
  { evaluation, options }: Means,
): Promise<unknown> {
  const source = (expression ?? '').trim();
  const program = compileExpression(source, options);
  try {
    return toJson(await evaluation.run(program));
  } catch (error) {
    throw new Error(`expression '${source}' resulted in error: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A test that fails leaves the object as it is. */
function patched(object: KubeObject, patch: unknown): KubeObject {
  try {
    return applyJsonPatch(object, patch) as KubeObject;
  } catch (error) {
    if (isFailedTest(error)) return object;
    const cause = error instanceof ApiError && error.cause instanceof Error ? error.cause : error;
    throw new Error(`JSON Patch: ${messageOf(cause)}`, { cause: error });
  }
}

/**
 * Upstream takes for a mistake of whoever made the policy what does not fit the kind
 * (patch/smd.go).
 */
function laidOver(server: Server, { call, object }: Attributes, config: unknown): KubeObject {
  const { group, version, kind } = call.resource;
  const info = server.scheme.kind(group, version, kind);
  if (!info) throw new ApiError('ServiceUnavailable', `Resource kind ${kind} not found.`);
  const given = { ...(config as object), apiVersion: apiVersion(call.resource), kind };
  const wrong = typedErrors(info.type, given);
  if (wrong.length)
    throw new Error(
      'error applying patch: failed to convert patch object to typed object: ' +
        `${typedErrorText(wrong)}`,
    );
  const atomics = atomicsIn(info.type, given, { custom: info.custom });
  if (atomics.length)
    throw new Error(
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps ' +
        `or structs: ${atomics.join(', ')}`,
    );
  return mergeTyped(info.type, object, given, { custom: info.custom }) as KubeObject;
}

/** What a patch makes of an object must be one of its kind; that it is not is nobody's input. */
function strictly(normalize: () => { object: KubeObject; warnings: string[] }): KubeObject {
  const failed = (why: string, cause?: unknown): ApiError =>
    new ApiError('InternalError', `Internal error occurred: ${why}`, {
      details: { causes: [{ message: why } as never] },
      cause,
    });
  let done: ReturnType<typeof normalize>;
  try {
    done = normalize();
  } catch (error) {
    throw failed(messageOf(error), error);
  }
  if (done.warnings.length) throw failed(`strict decoding error: ${done.warnings.join(', ')}`);
  return done.object;
}
