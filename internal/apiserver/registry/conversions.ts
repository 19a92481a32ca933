import { table } from '../../base/own.ts';
import { asObject, fieldsOf, type KubeObject } from '../../api/object.ts';

type Values = Record<string, unknown>;

/**
 * How one served version becomes the stored one and back. Only two built-in kinds have two shapes.
 */
export interface Conversion {
  toStorage(object: KubeObject): KubeObject;
  fromStorage(object: KubeObject): KubeObject;
}

/** Leaves out what is not there, so that nothing becomes `undefined` in JSON. */
function compact(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

const eventNames: [core: string, events: string][] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];
const sameNames = [
  'reason',
  'type',
  'eventTime',
  'series',
  'action',
  'related',
  'reportingInstance',
];

function renamed(object: KubeObject, from: 0 | 1, apiVersion: string): KubeObject {
  const to = from === 0 ? 1 : 0;
  const out: Values = { kind: 'Event', apiVersion, metadata: object.metadata };
  for (const names of eventNames) out[names[to]] = fieldsOf(object)[names[from]];
  for (const name of sameNames) out[name] = fieldsOf(object)[name];
  return asObject(compact(out));
}

/** events.k8s.io/v1 is core/v1 under other names (pkg/apis/events/v1 conversion). */
const events: Conversion = {
  toStorage: (object) => {
    const core = fieldsOf(renamed(object, 1, 'v1'));
    core['involvedObject'] ??= {};
    core['source'] ??= {};
    core['firstTimestamp'] ??= null;
    core['lastTimestamp'] ??= null;
    core['reportingComponent'] ??= '';
    core['reportingInstance'] ??= '';
    return asObject(core);
  },
  fromStorage: (object) => {
    const own = fieldsOf(renamed(object, 0, 'events.k8s.io/v1'));
    own['eventTime'] ??= null;
    return asObject(own);
  },
};

interface Metric {
  type: string;
  resource?: {
    name: string;
    target?: { type: string; averageUtilization?: number };
    current?: { averageUtilization?: number };
  };
}

const isCpu = (metric: Metric): boolean =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu';

/** autoscaling/v1 knows the cpu target alone; the rest travels in annotations. */
const autoscalers: Conversion = {
  toStorage: (object) => {
    const { targetCPUUtilizationPercentage: target, ...spec } = (fieldsOf(object)['spec'] ??
      {}) as Values;
    const { currentCPUUtilizationPercentage: current, ...status } = (fieldsOf(object)['status'] ??
      {}) as Values;
    const annotations = { ...object.metadata.annotations };
    const kept = parseList(annotations['autoscaling.alpha.kubernetes.io/metrics']);
    delete annotations['autoscaling.alpha.kubernetes.io/metrics'];
    const cpu =
      target === undefined
        ? []
        : [
            {
              type: 'Resource',
              resource: {
                name: 'cpu',
                target: { type: 'Utilization', averageUtilization: target },
              },
            },
          ];
    const metrics = [...kept, ...cpu];
    const currentMetrics =
      current === undefined
        ? undefined
        : [
            {
              type: 'Resource',
              resource: { name: 'cpu', current: { averageUtilization: current } },
            },
          ];
    return {
      ...object,
      apiVersion: 'autoscaling/v2',
      metadata: { ...object.metadata, ...(Object.keys(annotations).length ? { annotations } : {}) },
      spec: compact({ ...spec, metrics: metrics.length ? metrics : undefined }),
      status: compact({ ...status, currentMetrics, conditions: status['conditions'] }),
    } as KubeObject;
  },
  fromStorage: (object) => {
    const { metrics, behavior: _behavior, ...spec } = (fieldsOf(object)['spec'] ?? {}) as Values;
    const { currentMetrics, conditions, ...status } = (fieldsOf(object)['status'] ?? {}) as Values;
    const list = (metrics ?? []) as Metric[];
    const cpu = list.find(
      (metric) => isCpu(metric) && metric.resource?.target?.averageUtilization !== undefined,
    );
    const others = list.filter((metric) => metric !== cpu);
    const current = ((currentMetrics ?? []) as Metric[]).find(isCpu)?.resource?.current
      ?.averageUtilization;
    const annotations = compact({
      ...object.metadata.annotations,
      'autoscaling.alpha.kubernetes.io/metrics': others.length ? JSON.stringify(others) : undefined,
      'autoscaling.alpha.kubernetes.io/conditions':
        Array.isArray(conditions) && conditions.length ? JSON.stringify(conditions) : undefined,
    });
    return {
      ...object,
      apiVersion: 'autoscaling/v1',
      metadata: { ...object.metadata, ...(Object.keys(annotations).length ? { annotations } : {}) },
      spec: compact({
        ...spec,
        targetCPUUtilizationPercentage: cpu?.resource?.target?.averageUtilization,
      }),
      status: compact({ ...status, currentCPUUtilizationPercentage: current }),
    } as KubeObject;
  },
};

function parseList(text: string | undefined): unknown[] {
  try {
    const value: unknown = text ? JSON.parse(text) : [];
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

export const conversions: Record<string, Conversion> = table({
  'events.k8s.io/v1/Event': events,
  'autoscaling/v1/HorizontalPodAutoscaler': autoscalers,
});
