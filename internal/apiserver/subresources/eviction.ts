import { refs } from '../../api/generated/refs.ts';
import { timeOf } from '../../api/times.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { ApiError, badRequest } from '../../api/status.ts';
import { lookupAll } from '../admission/lookup.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import { success, type Operations } from '../operations/operation.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';
import { deleteObject, type DeleteOptions } from '../registry/delete.ts';
import { getRecord } from '../registry/list.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' };

/** POST pods/x/eviction: a deletion that a PodDisruptionBudget may forbid for now. */
export function addEviction(operations: Operations): void {
  operations.add(
    { group: '', resource: 'pods', subresource: 'eviction' },
    async (core, call, input) => {
      const eviction = await input.unstored<Eviction>(evictionKind);
      if (eviction.metadata.name && eviction.metadata.name !== call.name)
        throw badRequest(
          `name in URL does not match name in Eviction object: "${call.name}" vs ` +
            `"${eviction.metadata.name}"`,
        );
      if (eviction.deleteOptions?.dryRun?.length) call.dryRun = true;
      const attributes = {
        call,
        operation: 'CREATE' as const,
        object: eviction as KubeObject,
        old: undefined,
      };
      await core.admission.admit(attributes);
      await core.admission.validate(attributes);
      await evict(core, call, (eviction.deleteOptions ?? {}) as DeleteOptions);
      return success(201);
    },
  );
}

async function evict(core: Core, call: Call, options: DeleteOptions): Promise<void> {
  const pod = viewOf(call.resource, await getRecord(core, call)) as Pod;
  const plain = { ...call, subresource: '' };
  if (ignoresBudgets(pod)) return void (await deleteObject(core, plain, options));
  const budgets = (
    await lookupAll<PodDisruptionBudget>(
      core,
      registryPrefix(refs.podDisruptionBudgets, call.namespace),
    )
  ).filter((budget) => matches(budget, pod));
  if (budgets.length > 1)
    throw new ApiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does ' +
        'not support.',
    );
  const budget = budgets[0];
  if (budget) await take(core, call, budget, pod);
  const preconditions = budget
    ? { ...options.preconditions, uid: options.preconditions?.uid ?? pod.metadata.uid }
    : options.preconditions;
  await markTarget(core, plain, pod);
  await deleteObject(core, plain, { ...options, preconditions });
}

function ignoresBudgets(pod: Pod): boolean {
  return (
    Boolean(pod.metadata.deletionTimestamp) ||
    ['Succeeded', 'Failed', 'Pending'].includes(pod.status?.phase ?? '')
  );
}

function matches(budget: PodDisruptionBudget, pod: Pod): boolean {
  return (
    budget.spec?.selector !== undefined &&
    selectorFromObject(budget.spec.selector as never).matches(pod.metadata.labels)
  );
}

const isReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True');

/** Uses up one allowed disruption, or answers 429. */
async function take(core: Core, call: Call, budget: PodDisruptionBudget, pod: Pod): Promise<void> {
  const { name = '' } = budget.metadata;
  const healthy =
    (budget.status?.currentHealthy ?? 0) >= (budget.status?.desiredHealthy ?? 0) &&
    (budget.status?.desiredHealthy ?? 0) > 0;
  if (!isReady(pod) && (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || healthy))
    return;
  const at = {
    ...systemCall(
      core,
      { group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' },
      call.namespace,
      name,
    ),
    subresource: 'status',
    dryRun: call.dryRun,
  };
  await updateObject(core, at, {
    tracked: true,
    make: (old) => {
      const next = deepCopy(old) as PodDisruptionBudget;
      checkBudget(next, name);
      const { status } = next;
      if (!status) return next as KubeObject;
      status.disruptionsAllowed -= 1;
      status.disruptedPods = {
        ...status.disruptedPods,
        [pod.metadata.name ?? '']: timeOf(core.clock.now()),
      };
      return next as KubeObject;
    },
  });
}

function checkBudget(budget: PodDisruptionBudget, name: string): void {
  const { status } = budget;
  const refuse = (message: string, cause: string, retryAfterSeconds?: number): ApiError =>
    new ApiError('TooManyRequests', message, {
      details: {
        ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
        causes: [{ reason: 'DisruptionBudget', message: cause } as never],
      },
    });
  if ((status?.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw refuse(
      "Cannot evict pod as it would violate the pod's disruption budget.",
      `The disruption budget ${name} is still being processed by the server.`,
      10,
    );
  }
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed < 0)
    throw new ApiError(
      'Forbidden',
      `pods "${name}" is forbidden: pdb disruptions allowed is negative`,
    );
  if (allowed === 0) {
    throw refuse(
      "Cannot evict pod as it would violate the pod's disruption budget.",
      `The disruption budget ${name} needs ${status?.desiredHealthy ?? 0} healthy pods and ` +
        `has ${status?.currentHealthy ?? 0} currently`,
    );
  }
}

/** The pod's condition shows that it was evicted (KEP-3329). */
async function markTarget(core: Core, call: Call, pod: Pod): Promise<void> {
  const at = {
    ...systemCall(core, { group: '', version: 'v1', resource: 'pods' }, call.namespace, call.name),
    subresource: 'status',
    dryRun: call.dryRun,
  };
  const now = timeOf(core.clock.now());
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastProbeTime: null,
    lastTransitionTime: now,
  };
  await updateObject(core, at, {
    preconditions: { uid: pod.metadata.uid },
    make: (old) => {
      const next = deepCopy(old) as Pod;
      const conditions = (next.status?.conditions ?? []).filter(
        (one) => one.type !== 'DisruptionTarget',
      );
      next.status = {
        ...next.status,
        conditions: [...conditions, condition as never],
      } as Pod['status'];
      return next as KubeObject;
    },
  });
}
