import type { Pod, PodTemplateSpec } from '../generated/types/core-v1.ts';
import type { JobSpec } from '../generated/types/batch-v1.ts';
import { at } from '../loose.ts';
import { dns1123Label } from '../names.ts';
import type { KubeObject } from '../object.ts';
import { podWarnings } from './pod-warnings.ts';

/** `old` on update. */
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
export function templateWarnings(path: string, named: boolean): Warn {
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

/** Jobs, at `path` of the object. */
export function jobWarnings(path: string): Warn {
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

/** A pod warns when it is new: hardly anything of it can change later. */
export function podObjectWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  return old
    ? []
    : [...nameWarning(object, "the Pod's hostname"), ...podWarnings(object as Pod, '')];
}
