import { own } from '../../base/own.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { computeQosClass, podQosClass } from '../strategy/qos.ts';
import { checkMetadataUpdate } from './metadata.ts';
import { checkPod } from './pods.ts';
import type { Problems } from './problems.ts';

const onlyThese = 'only cpu and memory resources are mutable';

/** A write to pods/resize. */
export function resizePod(problems: Problems, pod: Pod, old: Pod): void {
  if (old.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined)
    return problems.forbidden('', 'static pods cannot be resized');
  if (old.spec?.os?.name === 'windows')
    return problems.forbidden('', 'windows pods cannot be resized');
  checkMetadataUpdate(problems, pod.metadata ?? {}, old.metadata ?? {});
  checkPod(problems, pod);
  const [spec, was] = [pod.spec as PodSpec, old.spec as PodSpec];
  if (podQosClass(old) !== computeQosClass(pod))
    problems.invalid(
      'spec',
      pod.status?.qosClass ?? '',
      'Pod QOS Class may not change as a result of resizing',
    );
  const running = (old.status?.containerStatuses ?? []).find((c) => c.state?.running);
  if (running && !running.resources)
    problems.forbidden('spec', 'Pod running on node without support for resize');
  if (!sameContainers(problems, spec, was)) return;
  for (const list of ['initContainers', 'containers'] as const) {
    (was[list] ?? []).forEach((before, i) =>
      checkRemovals(
        problems,
        spec[list]?.[i]?.resources,
        before.resources,
        `spec.${list}[${i}].resources`,
      ),
    );
  }
  const munged: PodSpec = {
    ...spec,
    containers: (spec.containers ?? []).map((c, i) => withoutCompute(c, was.containers[i])),
  };
  munged.containers.forEach((container, i) => {
    if (!semanticEqual(container, was.containers[i])) problems.forbidden('spec', onlyThese);
  });
  if (spec.initContainers)
    munged.initContainers = spec.initContainers.map((c, i) =>
      checkInit(problems, c, was.initContainers?.[i], i),
    );
  if (spec.resources && was.resources)
    munged.resources = withoutComputeList(spec.resources, was.resources);
  if (!problems.found && !semanticEqual(munged, was)) problems.forbidden('spec', onlyThese);
}

function checkInit(
  problems: Problems,
  container: Container,
  before: Container | undefined,
  i: number,
): Container {
  const at = `spec.initContainers[${i}]`;
  const bare = withoutCompute(container, before);
  if (!semanticEqual(bare, before))
    problems.forbidden(
      at,
      'only cpu and memory resources for init or sidecar containers are mutable',
    );
  const restarts = container.resizePolicy?.some((p) => p.restartPolicy === 'RestartContainer');
  if (!semanticEqual(container, before) && container.restartPolicy !== 'Always' && restarts) {
    problems.forbidden(
      at,
      'non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
    );
  }
  return bare;
}

function sameContainers(problems: Problems, spec: PodSpec, was: PodSpec): boolean {
  const before = problems.list.length;
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, old] = [spec[list] ?? [], was[list] ?? []];
    if (now.length !== old.length)
      problems.forbidden(`spec.${list}`, `${list} may not be added or removed on resize`);
    else {
      old.forEach((container, i) => {
        if (now[i]?.name !== container.name)
          problems.forbidden(
            `spec.${list}[${i}].name`,
            `${list} may not be renamed or reordered on resize`,
          );
      });
    }
  }
  return problems.list.length === before;
}

function checkRemovals(
  problems: Problems,
  now: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
  path: string,
): void {
  for (const list of ['requests', 'limits'] as const) {
    if (Object.keys(before?.[list] ?? {}).some((name) => own(now?.[list], name) === undefined))
      problems.forbidden(`${path}.${list}`, `resource ${list} cannot be removed`);
  }
}

function withoutCompute(container: Container, before: Container | undefined): Container {
  return before
    ? {
        ...container,
        resources: withoutComputeList(container.resources ?? {}, before.resources ?? {}),
      }
    : container;
}

/** cpu and memory as they were. */
function withoutComputeList(
  now: ResourceRequirements,
  before: ResourceRequirements,
): ResourceRequirements {
  const result: ResourceRequirements = { ...now };
  for (const list of ['requests', 'limits'] as const) {
    const merged: Record<string, string> = { ...now[list] };
    for (const name of ['cpu', 'memory']) {
      const was = before[list]?.[name];
      if (was === undefined) delete merged[name];
      else merged[name] = was;
    }
    if (Object.keys(merged).length > 0) result[list] = merged;
    else delete result[list];
  }
  return result;
}
