import type { ContainerView } from '../probes/worker.ts';
import { latest } from './model.ts';
import type { PodWorker } from './worker.ts';

/** What probes must know of each container of a pod. */
export function probeViews(worker: PodWorker): Map<string, ContainerView> {
  const views = new Map<string, ContainerView>();
  const { pod, runtime } = worker;
  const told = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ];
  for (const { name } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    const status = latest(runtime, name);
    if (!status) continue;
    const view: ContainerView = {
      containerId: status.id,
      running: status.state === 'running',
      startedAtMs: Number(status.startedAt / 1_000_000n),
    };
    const before = worker.restored
      ? told.find((s) => s.containerID === `containerd://${status.id}`)
      : undefined;
    if (before) view.restored = { started: before.started ?? false, ready: before.ready };
    views.set(name, view);
  }
  return views;
}
