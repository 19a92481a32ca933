import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/generated/types/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { Quantity, quantityOf } from '../../api/quantity.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import type { Metrics } from './metrics.ts';
import { byAverage, byShare, byUtilization, byValue, type Tolerances } from './replicas.ts';

/** What one metric asks for. */
export interface Proposed {
  replicas: number;
  /** The metric in words, for events. */
  name: string;
  status: MetricStatus;
}

/** A metric that could not be had. */
export class MetricFailed extends Error {
  /** The reason of event and condition. */
  readonly reason: string;
  /** What the condition says; the message says more. */
  readonly why: string;

  constructor(reason: string, why: string, message: string) {
    super(message);
    this.reason = reason;
    this.why = why;
  }
}

export interface Asking {
  hpa: HorizontalPodAutoscaler;
  metrics: Metrics;
  pods: readonly Pod[];
  /** The selector of the target's pods. */
  selector: string;
  /** What the target asks for, and has. */
  replicas: { spec: number; status: number };
  /** The kind of an object that a metric is of, if it is served. */
  refOf(object: CrossVersionObjectReference): ResourceRef | undefined;
  nowMs: number;
}

/** --horizontal-pod-autoscaler-tolerance. */
const defaultTolerance = 0.1;

function tolerancesOf({ spec }: HorizontalPodAutoscaler): Tolerances {
  const of = (text: string | undefined): number =>
    text === undefined ? defaultTolerance : quantityOf(text).asNumber();
  return {
    down: of(spec.behavior?.scaleDown?.tolerance),
    up: of(spec.behavior?.scaleUp?.tolerance),
  };
}

/** Asks for one metric and says how many replicas it wants. Throws MetricFailed. */
export function propose(asking: Asking, spec: MetricSpec): Promise<Proposed> {
  switch (spec.type) {
    case 'Resource': {
      const { name, target } = spec.resource!;
      const failed = { reason: 'FailedGetResourceMetric', what: `${name} resource metric` };
      return orFailed(failed, async () => {
        const found = await ofResource(asking, { name, target, container: '' });
        return {
          ...found,
          status: { type: spec.type, resource: { name, current: found.current } },
        };
      });
    }
    case 'ContainerResource': {
      const { name, target, container } = spec.containerResource!;
      const failed = {
        reason: 'FailedGetContainerResourceMetric',
        what: `${container} container metric`,
      };
      return orFailed(failed, async () => {
        const { current, ...found } = await ofResource(asking, { name, target, container });
        const status = { type: spec.type, containerResource: { name, container, current } };
        return { ...found, status };
      });
    }
    case 'Pods':
      return orFailed({ reason: 'FailedGetPodsMetric', what: 'pods metric' }, () =>
        ofPods(asking, spec),
      );
    case 'Object':
      return orFailed({ reason: 'FailedGetObjectMetric', what: 'object metric' }, () =>
        ofObject(asking, spec),
      );
    case 'External': {
      const what = `${spec.external!.metric.name} external metric`;
      return orFailed({ reason: 'FailedGetExternalMetric', what }, () => ofExternal(asking, spec));
    }
    default: {
      const message = `unknown metric source type ${JSON.stringify(spec.type)}`;
      return Promise.reject(new MetricFailed('InvalidMetricSourceType', message, message));
    }
  }
}

async function orFailed<T>(
  { reason, what }: { reason: string; what: string },
  get: () => Promise<T>,
): Promise<T> {
  try {
    return await get();
  } catch (error) {
    const why = messageOf(error);
    throw new MetricFailed(reason, why, `failed to get ${what} value: ${why}`);
  }
}

const amount = (milli: number): string => Quantity.ofMilli(Math.trunc(milli)).toString();

const milliOf = (text: string | undefined): number => Number(quantityOf(text).milliValue());

const selectorText = ({ selector }: MetricIdentifier): string =>
  selector ? selectorFromObject(selector).toString() : '';

async function ofResource(
  asking: Asking,
  of: { name: string; target: MetricTarget; container: string },
): Promise<{ replicas: number; name: string; current: MetricValueStatus }> {
  const { hpa, pods, selector, nowMs } = asking;
  const { name: resource, target, container } = of;
  const what = target.averageValue === undefined ? 'utilization' : 'usage';
  if (target.averageValue === undefined && target.averageUtilization === undefined)
    throw new Error(
      'invalid resource metric source: neither an average utilization target nor an average ' +
        'value (usage) target was set',
    );
  try {
    const { namespace = '' } = hpa.metadata;
    const metrics = await asking.metrics
      .ofResource({ namespace, selector, resource, container })
      .catch((error: unknown) => {
        throw new Error(`unable to get metrics for resource ${resource}: ${messageOf(error)}`);
      });
    const { spec: current } = asking.replicas;
    const tolerances = tolerancesOf(hpa);
    const counted = { pods, metrics, current, resource, tolerances, nowMs };
    const format = resource === 'memory' ? 'BinarySI' : 'DecimalSI';
    const shown = (milli: number): string => Quantity.ofMilli(milli, format).toString();
    if (target.averageValue !== undefined) {
      const found = byAverage({ ...counted, targetMilli: milliOf(target.averageValue) });
      const value = { averageValue: shown(found.averageMilli) };
      return { replicas: found.replicas, name: `${resource} resource`, current: value };
    }
    const found = byUtilization({ ...counted, target: target.averageUtilization!, container });
    return {
      replicas: found.replicas,
      name:
        `${resource} ${container ? 'container ' : ''}resource utilization ` +
        '(percentage of request)',
      current: { averageUtilization: found.utilization, averageValue: shown(found.averageMilli) },
    };
  } catch (error) {
    throw new Error(`failed to get ${resource} ${what}: ${messageOf(error)}`);
  }
}

async function ofPods(asking: Asking, { type, pods: source }: MetricSpec): Promise<Proposed> {
  const { hpa, pods, selector, nowMs } = asking;
  const { metric, target } = source!;
  const metrics = await asking.metrics
    .ofPods({
      namespace: hpa.metadata.namespace ?? '',
      selector,
      metric: metric.name,
      metricSelector: selectorText(metric),
    })
    .catch((error: unknown) => {
      throw new Error(`unable to get metric ${metric.name}: ${messageOf(error)}`);
    });
  const { replicas, averageMilli } = byAverage({
    pods,
    metrics,
    current: asking.replicas.spec,
    resource: '',
    tolerances: tolerancesOf(hpa),
    nowMs,
    targetMilli: milliOf(target.averageValue),
  });
  const current = { averageValue: amount(averageMilli) };
  const status = { type, pods: { metric, current } };
  return { replicas, name: `pods metric ${metric.name}`, status };
}

async function ofObject(asking: Asking, { type, object }: MetricSpec): Promise<Proposed> {
  const { hpa } = asking;
  const { describedObject, metric, target } = object!;
  const { namespace = '' } = hpa.metadata;
  const usageMilli = await asking.metrics
    .ofObject({
      namespace,
      object: describedObject,
      ref: asking.refOf(describedObject),
      metric: metric.name,
      metricSelector: selectorText(metric),
    })
    .catch((error: unknown) => {
      const { kind, name } = describedObject;
      const of = `${kind} ${namespace}/${name}`;
      throw new Error(`unable to get metric ${metric.name}: ${messageOf(error)} on ${of}`);
    });
  const name = `${describedObject.kind} metric ${metric.name}`;
  const found = shared(asking, { usageMilli, target, name });
  if (!found)
    throw new Error(
      'invalid object metric source: neither a value target nor an average value target was set',
    );
  const { current, ...proposed } = found;
  return { ...proposed, status: { type, object: { describedObject, metric, current } } };
}

async function ofExternal(asking: Asking, { type, external }: MetricSpec): Promise<Proposed> {
  const { metric, target } = external!;
  const { namespace = '' } = asking.hpa.metadata;
  const selector = selectorText(metric);
  const usageMilli = await asking.metrics
    .ofExternal({ namespace, metric: metric.name, selector })
    .catch((error: unknown) => {
      const which = `${namespace}/${metric.name}/${selector || 'nil'}`;
      throw new Error(`unable to get external metric ${which}: ${messageOf(error)}`);
    });
  const name = `external metric ${metric.name}(${selector || 'nil'})`;
  const found = shared(asking, { usageMilli, target, name });
  if (!found)
    throw new Error(
      'invalid external metric source: neither a value target nor an average value target was set',
    );
  const { current, ...proposed } = found;
  return { ...proposed, status: { type, external: { metric, current } } };
}

/** A value that is of all pods together. */
function shared(
  { hpa, pods, replicas }: Asking,
  of: { usageMilli: number; target: MetricTarget; name: string },
): { replicas: number; name: string; current: MetricValueStatus } | undefined {
  const { usageMilli, target, name } = of;
  const tolerances = tolerancesOf(hpa);
  if (target.averageValue !== undefined) {
    const targetMilli = milliOf(target.averageValue);
    const found = byShare({ usageMilli, targetMilli, status: replicas.status, tolerances });
    const current = { averageValue: amount(found.averageMilli) };
    return { replicas: found.replicas, name, current };
  }
  if (target.value === undefined) return undefined;
  const targetMilli = milliOf(target.value);
  const wanted = byValue({ pods, usageMilli, targetMilli, current: replicas.spec, tolerances });
  return { replicas: wanted, name, current: { value: amount(usageMilli) } };
}
