import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from '../generated/types/autoscaling-v2.ts';
import { dictOf } from '../loose.ts';
import { dns1123Label, dns1123Subdomain, pathSegmentName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import { checkContainerResourceName, checkNonNegativeQuantity } from './resources.ts';
import type { Rule } from './rule.ts';

const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
const longestPeriod = 1800;
const longestWindow = 3600;

type Trust = 'any' | 'emptyGroup' | 'group';

function checkReference(
  problems: Problems,
  ref: CrossVersionObjectReference | undefined,
  path: string,
  trust: Trust,
): void {
  for (const field of ['kind', 'name'] as const) {
    const value = ref?.[field];
    if (!value) problems.required(`${path}.${field}`);
    else problems.check(`${path}.${field}`, value, pathSegmentName);
  }
  const version = ref?.apiVersion ?? '';
  if (trust === 'any') return;
  if (version.split('/').length > 2)
    problems.invalid(`${path}.apiVersion`, version, `unexpected GroupVersion string: ${version}`);
  else if (trust === 'group' && !version.includes('/'))
    problems.invalid(`${path}.apiVersion`, version, 'apiVersion must specify API group');
}

function checkSpec(
  problems: Problems,
  spec: HorizontalPodAutoscalerSpec,
  old: HorizontalPodAutoscalerSpec | undefined,
): void {
  const { minReplicas: min, maxReplicas: max = 0 } = spec;
  const lowest = old?.minReplicas === 0 ? 0 : 1;
  if (min !== undefined && min < lowest)
    problems.invalid('spec.minReplicas', min, `must be greater than or equal to ${lowest}`);
  if (max === 0) problems.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (max < 0) problems.invalid('spec.maxReplicas', max, 'must be greater than or equal to 1');
  if (min !== undefined && max < min)
    problems.invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`');
  const target = spec.scaleTargetRef;
  const same =
    old !== undefined &&
    old.scaleTargetRef?.apiVersion === target?.apiVersion &&
    old.scaleTargetRef?.kind === target?.kind;
  checkReference(
    problems,
    target,
    'spec.scaleTargetRef',
    same ? 'any' : target?.kind === 'ReplicationController' ? 'emptyGroup' : 'group',
  );
  const metrics = spec.metrics ?? [];
  metrics.forEach((metric, i) => checkMetric(problems, metric, `spec.metrics[${i}]`));
  // autoscaling/v1 has one metric, in a field of its own.
  const cpu = dictOf(spec)['targetCPUUtilizationPercentage'];
  if (typeof cpu === 'number' && cpu < 1)
    problems.invalid(
      'spec.metrics[0].resource.target.averageUtilization',
      cpu,
      'must be greater than 0',
    );
  if (min === 0 && !metrics.some((m) => m.type === 'Object' || m.type === 'External'))
    problems.forbidden(
      'spec.metrics',
      'must specify at least one Object or External metric to support scaling to zero replicas',
    );
  checkScaling(problems, spec.behavior?.scaleUp, 'spec.behavior.scaleUp');
  checkScaling(problems, spec.behavior?.scaleDown, 'spec.behavior.scaleDown');
}

function checkScaling(problems: Problems, rules: HPAScalingRules | undefined, path: string): void {
  if (!rules) return;
  const window = rules.stabilizationWindowSeconds ?? 0;
  if (window < 0)
    problems.invalid(
      `${path}.stabilizationWindowSeconds`,
      window,
      'must be greater than or equal to zero',
    );
  if (window > longestWindow)
    problems.invalid(
      `${path}.stabilizationWindowSeconds`,
      window,
      `must be less than or equal to ${longestWindow}`,
    );
  const choices = ['Disabled', 'Max', 'Min'];
  if (rules.selectPolicy !== undefined && !choices.includes(rules.selectPolicy))
    problems.notSupported(`${path}.selectPolicy`, rules.selectPolicy, choices);
  if (!rules.policies?.length)
    problems.required(`${path}.policies`, 'must specify at least one Policy');
  (rules.policies ?? []).forEach(({ type, value, periodSeconds }, i) => {
    const at = `${path}.policies[${i}]`;
    if (type !== 'Pods' && type !== 'Percent')
      problems.notSupported(`${at}.type`, type ?? '', ['Percent', 'Pods']);
    if ((value ?? 0) <= 0) problems.invalid(`${at}.value`, value ?? 0, 'must be greater than zero');
    if ((periodSeconds ?? 0) <= 0)
      problems.invalid(`${at}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero');
    if ((periodSeconds ?? 0) > longestPeriod)
      problems.invalid(
        `${at}.periodSeconds`,
        periodSeconds,
        `must be less than or equal to ${longestPeriod}`,
      );
  });
  if (rules.tolerance !== undefined)
    checkNonNegativeQuantity(problems, parseQuantity(rules.tolerance), `${path}.tolerance`);
}

function checkMetric(problems: Problems, metric: MetricSpec, path: string): void {
  const known = metricTypes.includes(metric.type);
  if (!metric.type) problems.required(`${path}.type`, 'must specify a metric source type');
  if (!known) problems.notSupported(`${path}.type`, metric.type ?? '', metricTypes);
  const present = sources.filter((name) => metric[name] !== undefined && metric[name] !== null);
  if (present[0]) checkSource(problems, metric, present[0], `${path}.${present[0]}`);
  const expected = known ? `${metric.type[0]?.toLowerCase()}${metric.type.slice(1)}` : '';
  if (!known) problems.notSupported(`${path}.type`, metric.type ?? '', metricTypes);
  else if (!present.some((name) => name === expected))
    problems.required(
      `${path}.${expected}`,
      'must populate information for the given metric source',
    );
  if (present.length !== 1)
    for (const name of present)
      if (name !== expected)
        problems.forbidden(`${path}.${name}`, 'must populate the given metric source only');
}

function checkSource(
  problems: Problems,
  metric: MetricSpec,
  name: (typeof sources)[number],
  path: string,
): void {
  const { object, external, pods, resource, containerResource } = metric;
  if (name === 'object' && object)
    checkReference(problems, object.describedObject, `${path}.describedObject`, 'emptyGroup');
  const named =
    name === 'object'
      ? object
      : name === 'external'
        ? external
        : name === 'pods'
          ? pods
          : undefined;
  if (named) {
    if (!named.metric?.name) problems.required(`${path}.metric.name`, 'must specify a metric name');
    else problems.check(`${path}.metric.name`, named.metric.name, pathSegmentName);
  }
  const measured = name === 'resource' ? resource : containerResource;
  if (!named && measured) {
    if (!measured.name) problems.required(`${path}.name`, 'must specify a resource name');
    else if (name === 'containerResource')
      checkContainerResourceName(problems, measured.name, `${path}.name`);
  }
  if (name === 'containerResource' && containerResource) {
    if (!containerResource.container)
      problems.required(`${path}.container`, 'must specify a container');
    else problems.check(`${path}.container`, containerResource.container, dns1123Label);
  }
  const target = (named ?? measured)?.target ?? ({} as MetricTarget);
  checkTarget(problems, target, `${path}.target`);
  const { value, averageValue, averageUtilization } = target;
  if (name === 'object' && value === undefined && averageValue === undefined)
    problems.required(
      `${path}.target.averageValue`,
      'must set either a target value or averageValue',
    );
  if (name === 'pods' && averageValue === undefined)
    problems.required(`${path}.target.averageValue`, 'must specify a positive target averageValue');
  if (name === 'external') {
    if (value === undefined && averageValue === undefined)
      problems.required(
        `${path}.target.averageValue`,
        'must set either a target value for metric or a per-pod target',
      );
    if (value !== undefined && averageValue !== undefined)
      problems.forbidden(
        `${path}.target.value`,
        'may not set both a target value for metric and a per-pod target',
      );
  }
  if (named) return;
  if (averageUtilization === undefined && averageValue === undefined)
    problems.required(
      `${path}.target.averageUtilization`,
      'must set either a target raw value or a target utilization',
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    problems.forbidden(
      `${path}.target.averageValue`,
      'may not set both a target raw value and a target utilization',
    );
}

function checkTarget(problems: Problems, target: MetricTarget, path: string): void {
  if (!target.type) problems.required(`${path}.type`, 'must specify a metric target type');
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.type))
    problems.invalid(
      `${path}.type`,
      target.type ?? '',
      'must be either Utilization, Value, or AverageValue',
    );
  for (const field of ['value', 'averageValue'] as const) {
    const text = target[field];
    if (text !== undefined && parseQuantity(text).sign() <= 0)
      problems.invalid(`${path}.${field}`, parseQuantity(text).toString(), 'must be positive');
  }
  if (target.averageUtilization !== undefined && target.averageUtilization < 1)
    problems.invalid(
      `${path}.averageUtilization`,
      target.averageUtilization,
      'must be greater than 0',
    );
}

const noSpec = {} as HorizontalPodAutoscalerSpec;

export const autoscaler: Rule<HorizontalPodAutoscaler> = {
  name: dns1123Subdomain,
  create(problems, object) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    checkSpec(problems, object.spec ?? noSpec, undefined);
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkSpec(problems, object.spec ?? noSpec, old.spec ?? noSpec);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      problems.nonNegative('status.currentReplicas', object.status?.currentReplicas);
      problems.nonNegative('status.desiredReplicas', object.status?.desiredReplicas);
    },
  },
};
