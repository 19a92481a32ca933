import { table } from '../../base/own.ts';
import type { Pod, PodTemplateSpec } from '../generated/types/core-v1.ts';
import type { JobSpec } from '../generated/types/batch-v1.ts';
import { at } from '../loose.ts';
import { dns1123Label } from '../names.ts';
import type { KubeObject } from '../object.ts';
import {
  claimWarnings,
  endpointSliceWarnings,
  endpointsWarnings,
  nodeWarnings,
  quotaWarnings,
  serviceAccountWarnings,
  serviceWarnings,
} from './kind-warnings.ts';
import { podWarnings } from './pod-warnings.ts';
import type { StrategyInfo } from './strategy.ts';

type Warn = (object: KubeObject, old: KubeObject | undefined) => string[];

const goList = (items: readonly string[]): string => `[${items.join(' ')}]`;

function nameWarning(object: KubeObject, use: string): string[] {
  const wrong = dns1123Label(object.metadata.name ?? '');
  return wrong.length > 0
    ? [
        `metadata.name: this is used in ${use}, which can result in surprising behavior; a ` +
          `DNS label is recommended: ${goList(wrong)}`,
      ]
    : [];
}

const inPodNames = 'Pod names and hostnames';

/** Kinds that make pods: the template is looked at when it is new or changed. */
function templateWarnings(path: string, named: boolean): Warn {
  return (object, old) => {
    if (old && object.metadata.generation === old.metadata.generation) return [];
    const template = at(object, path) as PodTemplateSpec | undefined;
    if (!template) return [];
    return [
      ...(named && !old ? nameWarning(object, inPodNames) : []),
      ...podWarnings(template, path),
    ];
  };
}

function jobWarnings(path: string): Warn {
  return (object, old) => {
    const job = at(object, path) as JobSpec | undefined;
    const warnings = old ? [] : nameWarning(object, inPodNames);
    const { completions, parallelism, completionMode } = job ?? {};
    if (
      completionMode === 'Indexed' &&
      (completions ?? 0) > 100_000 &&
      (parallelism ?? 0) > 10_000
    ) {
      warnings.push(
        'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism ' +
          'higher than 10^4, Kubernetes might not be able to track completedIndexes when a big ' +
          'number of indexes fail',
      );
    }
    return job?.template
      ? [...warnings, ...podWarnings(job.template, `${path}.template`)]
      : warnings;
  };
}

const warners: Readonly<Record<string, Warn>> = table({
  '/Pod': (object, old) =>
    old ? [] : [...nameWarning(object, "the Pod's hostname"), ...podWarnings(object as Pod, '')],
  '/PodTemplate': templateWarnings('template', false),
  '/ReplicationController': templateWarnings('spec.template', true),
  'apps/Deployment': templateWarnings('spec.template', true),
  'apps/ReplicaSet': templateWarnings('spec.template', true),
  'apps/DaemonSet': templateWarnings('spec.template', false),
  'apps/StatefulSet': templateWarnings('spec.template', false),
  'batch/Job': jobWarnings('spec'),
  'batch/CronJob': jobWarnings('spec.jobTemplate.spec'),
  '/Service': serviceWarnings,
  '/Node': nodeWarnings,
  '/Endpoints': endpointsWarnings,
  'discovery.k8s.io/EndpointSlice': endpointSliceWarnings,
  '/ResourceQuota': quotaWarnings,
  '/ServiceAccount': serviceAccountWarnings,
  '/PersistentVolumeClaim': claimWarnings,
});

/**
 * What is allowed but unwise, in the words of kube-apiserver: sent as Warning headers. Writes to
 * subresources warn of nothing.
 */
export function warningsFor(
  info: StrategyInfo,
  object: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): string[] {
  return subresource === '' ? (warners[`${info.group}/${info.kind}`]?.(object, old) ?? []) : [];
}
