import type { ContainerStatus, Pod, PodCondition } from '../generated/types/core-v1.ts';
import type { KubeObject } from '../object.ts';
import { age, since } from './cell.ts';
import type { Cell } from './cell.ts';

/** What is counted while the status of a pod is put together. */
interface Summary {
  reason: string;
  ready: number;
  total: number;
  restarts: number;
  lastRestart: string;
}

/** READY, STATUS and RESTARTS of `kubectl get pods`. */
export function podSummary(pod: Pod): Summary {
  const { spec, status } = pod;
  const summary: Summary = {
    reason: status?.reason || (status?.phase ?? ''),
    ready: 0,
    total: spec?.containers?.length ?? 0,
    restarts: 0,
    lastRestart: '',
  };
  if (status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated'))
    summary.reason = 'SchedulingGated';
  const sidecars = new Set(
    (spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  summary.total += sidecars.size;
  const sidecarRestarts = { restarts: 0, lastRestart: '' };
  const initializing = initStatus(pod, sidecars, summary, sidecarRestarts);
  if (!initializing || isTrue(status?.conditions, 'Initialized')) {
    summary.restarts = sidecarRestarts.restarts;
    summary.lastRestart = sidecarRestarts.lastRestart;
    mainStatus(pod, summary);
  }
  if (pod.metadata?.deletionTimestamp) {
    if (status?.reason === 'NodeLost') summary.reason = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      summary.reason = 'Terminating';
  }
  return summary;
}

function isTrue(conditions: readonly PodCondition[] | undefined, type: string): boolean {
  return conditions?.find((c) => c.type === type)?.status === 'True';
}

function countRestarts(
  into: { restarts: number; lastRestart: string },
  container: ContainerStatus,
): void {
  into.restarts += container.restartCount ?? 0;
  const finished = container.lastState?.terminated?.finishedAt;
  if (finished && (into.lastRestart === '' || Date.parse(finished) > Date.parse(into.lastRestart)))
    into.lastRestart = finished;
}

/**
 * Goes through the init containers up to the first that has not done its work. True while there is
 * one.
 */
function initStatus(
  pod: Pod,
  sidecars: ReadonlySet<string>,
  summary: Summary,
  sidecarRestarts: { restarts: number; lastRestart: string },
): boolean {
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [i, container] of statuses.entries()) {
    countRestarts(summary, container);
    const sidecar = sidecars.has(container.name);
    if (sidecar) countRestarts(sidecarRestarts, container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated && (terminated.exitCode ?? 0) === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (terminated) summary.reason = `Init:${terminated.reason || endOf(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing')
      summary.reason = `Init:${waiting.reason}`;
    else summary.reason = `Init:${i}/${pod.spec?.initContainers?.length ?? 0}`;
    return true;
  }
  return false;
}

const endOf = ({ signal, exitCode }: { signal?: number; exitCode?: number }): string =>
  signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;

function mainStatus(pod: Pod, summary: Summary): void {
  let running = false;
  let failure = '';
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    countRestarts(summary, container);
    const { terminated, waiting, running: run } = container.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated) {
      summary.reason = terminated.reason || endOf(terminated);
      if (terminated.exitCode) failure = summary.reason;
    } else if (container.ready && run) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.reason !== 'Completed') return;
  // One container has ended well; the pod is what the others are.
  if (running && isTrue(pod.status?.conditions, 'Ready')) summary.reason = 'Running';
  else if (failure) summary.reason = failure;
  else if (running) summary.reason = 'NotReady';
}

export function podCells(object: KubeObject, now: number): Cell[] {
  const pod = object as Pod;
  const { reason, ready, total, restarts, lastRestart } = podSummary(pod);
  const gates = pod.spec?.readinessGates ?? [];
  const open = gates.filter((gate) => isTrue(pod.status?.conditions, gate.conditionType)).length;
  return [
    pod.metadata?.name ?? '',
    `${ready}/${total}`,
    reason,
    restarts > 0 && lastRestart ? `${restarts} (${since(lastRestart, now)} ago)` : String(restarts),
    age(object, now),
    pod.status?.podIPs?.[0]?.ip || '<none>',
    pod.spec?.nodeName || '<none>',
    pod.status?.nominatedNodeName || '<none>',
    gates.length > 0 ? `${open}/${gates.length}` : '<none>',
  ];
}

/** Lets clients see that a pod is done without knowing pods. */
export function podRowConditions(object: KubeObject): object[] | undefined {
  const phase = (object as Pod).status?.phase;
  if (phase === 'Succeeded')
    return [
      {
        type: 'Completed',
        status: 'True',
        reason: 'Succeeded',
        message: 'The pod has completed successfully.',
      },
    ];
  if (phase === 'Failed')
    return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
  return undefined;
}
