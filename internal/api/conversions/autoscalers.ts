import type { Conversion } from '../kinds/kind.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { compact } from './compact.ts';

type Values = Record<string, unknown>;

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
export const autoscalersV1: Conversion = {
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
