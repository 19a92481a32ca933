import { table } from '../../base/own.ts';
import type { Lease } from '../generated/types/coordination-v1.ts';
import type { RuntimeClass } from '../generated/types/node-v1.ts';
import type { PodDisruptionBudget } from '../generated/types/policy-v1.ts';
import type { PriorityClass } from '../generated/types/scheduling-v1.ts';
import { dns1123Label, dns1123Subdomain, pathSegmentName } from '../names.ts';
import { checkTolerations } from './affinity.ts';
import { checkConditions } from './conditions.ts';
import { checkLabels, checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';
import { checkRequirements } from './resources.ts';
import type { Rule } from './rule.ts';
import { shown } from './shapes.ts';
import { checkAtMostAll, checkCount } from './templates.ts';

const systemClasses: Readonly<Record<string, number>> = table({
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
});
const greatestPriority = 1_000_000_000;

function systemClassError(object: PriorityClass): string {
  const name = object.metadata.name ?? '';
  const value = systemClasses[name];
  if (value === undefined) return `${name} is not a known system priority class`;
  if (object.value !== value) return `value of ${name} PriorityClass must be ${value}`;
  return object.globalDefault ? `globalDefault of ${name} PriorityClass must be false` : '';
}

export const priorityClass: Rule<PriorityClass> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    if (object.metadata.name?.startsWith('system-')) {
      const wrong = systemClassError(object);
      if (wrong)
        problems.forbidden(
          'metadata.name',
          `priority class names with 'system-' prefix are reserved for system use only. ` +
            `error: ${wrong}`,
        );
    } else if (object.value > greatestPriority)
      problems.forbidden(
        'value',
        `maximum allowed value of a user defined priority is ${greatestPriority}`,
      );
    if (object.preemptionPolicy !== undefined)
      problems.oneOf('preemptionPolicy', object.preemptionPolicy, [
        'PreemptLowerPriority',
        'Never',
      ]);
  },
  updates: ['metadata', 'change'],
  change(problems, object, old) {
    if ((object.value ?? 0) !== (old.value ?? 0))
      problems.forbidden('value', 'may not be changed in an update.');
    problems.immutable('preemptionPolicy', object.preemptionPolicy, old.preemptionPolicy);
  },
};

export const runtimeClass: Rule<RuntimeClass> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  spec(problems, { handler, overhead, scheduling }) {
    if (!handler) problems.required('handler');
    else problems.check('handler', handler, dns1123Label);
    if (overhead)
      checkRequirements(problems, { limits: overhead.podFixed ?? {} }, 'overhead', {
        claims: new Set(),
      });
    if (!scheduling) return;
    checkLabels(problems, scheduling.nodeSelector, 'scheduling.nodeSelector');
    const tolerations = scheduling.tolerations ?? [];
    checkTolerations(problems, tolerations, 'scheduling.tolerations');
    const seen = new Set<string>();
    tolerations.forEach((toleration, i) => {
      const key = JSON.stringify([
        toleration.key,
        toleration.operator,
        toleration.value,
        toleration.effect,
      ]);
      if (seen.has(key))
        problems.duplicate(`scheduling.tolerations[${i}]`, shown('Toleration', toleration));
      seen.add(key);
    });
  },
  updates: ['object', 'metadata', 'change'],
  change: (problems, object, old) => problems.immutable('handler', object.handler, old.handler),
};

export const lease: Rule<Lease> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  spec(problems, { spec = {} }) {
    const { leaseDurationSeconds: seconds, leaseTransitions: transitions } = spec;
    if (seconds !== undefined && seconds <= 0)
      problems.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0');
    problems.nonNegative('spec.leaseTransitions', transitions);
  },
};

/** Its metadata is judged by what all kinds share alone. */
export const podDisruptionBudget: Rule<PodDisruptionBudget> = {
  name: pathSegmentName,
  create: checkBudget,
  updates: ['object'],
  subresources: {
    status(problems, { status }) {
      checkConditions(problems, status?.conditions ?? [], 'status.conditions');
      for (const field of [
        'disruptionsAllowed',
        'currentHealthy',
        'desiredHealthy',
        'expectedPods',
      ] as const)
        problems.nonNegative(`status.${field}`, status?.[field]);
    },
  },
};

function checkBudget(problems: Problems, { spec = {} }: PodDisruptionBudget): void {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: policy ?? null,
    };
    problems.invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set');
  }
  for (const [field, value] of [
    ['minAvailable', minAvailable],
    ['maxUnavailable', maxUnavailable],
  ] as const) {
    checkCount(problems, value, `spec.${field}`);
    checkAtMostAll(problems, value, `spec.${field}`);
  }
  checkLabelSelector(problems, selector, 'spec.selector');
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  if (policy !== undefined && !policies.includes(policy))
    problems.notSupported('spec.unhealthyPodEvictionPolicy', policy, policies);
}
