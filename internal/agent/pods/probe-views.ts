import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { ContainerView } from '../probes/worker.ts';
import { latest } from './model.ts';
import type { PodState } from './state.ts';

/** What probes must know of each container of a pod. */
export function probeViews(pod: Pod, state: PodState): Map<string, ContainerView> {
  const views = new Map<string, ContainerView>();
  const told = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ];
  for (const { name } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    const status = latest(state.runtime, name);
    if (!status) continue;
    const view: ContainerView = {
      containerId: status.id,
      running: status.state === 'running',
      startedAtMs: Number(status.startedAt / 1_000_000n),
    };
    const before = state.restored
      ? told.find((s) => s.containerID === `containerd://${status.id}`)
      : undefined;
    if (before) view.restored = { started: before.started ?? false, ready: before.ready };
    views.set(name, view);
  }
  return views;
}
