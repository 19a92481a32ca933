import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { restartsAfter } from '../pods/restart-policy.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

interface Count {
  pendingInit: number;
  pendingSidecars: number;
  initFailedForGood: number;
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  stoppedForGood: number;
  succeeded: number;
}

/**
 * The kubelet's getPhase. `terminal`: nothing will be started any more, whatever the restart
 * policy.
 */
export function phaseOf(input: {
  pod: Pod;
  statuses: ContainerStatus[];
  terminal: boolean;
  hasRun: boolean;
  isStatic: boolean;
}): Phase {
  const { pod } = input;
  const byName = new Map(input.statuses.map((s) => [s.name, s]));
  const n: Count = {
    pendingInit: 0,
    pendingSidecars: 0,
    initFailedForGood: 0,
    unknown: 0,
    running: 0,
    waiting: 0,
    stopped: 0,
    stoppedForGood: 0,
    succeeded: 0,
  };
  for (const container of pod.spec.initContainers ?? []) {
    const status = byName.get(container.name);
    if (isSidecar(container)) countSidecar(n, status);
    else countInit(n, status, (code) => restartsAfter(container, pod, code));
  }
  for (const container of pod.spec.containers)
    countContainer(n, byName.get(container.name), (code) => restartsAfter(container, pod, code));
  if (n.initFailedForGood > 0) return 'Failed';
  if (n.pendingInit > 0 || (n.pendingSidecars > 0 && !input.hasRun) || n.waiting > 0)
    return 'Pending';
  if (n.running > 0 && n.unknown === 0) return 'Running';
  if (n.running > 0 || n.stopped === 0 || n.unknown > 0) return 'Pending';
  const all = n.stopped === n.succeeded ? 'Succeeded' : 'Failed';
  if (input.terminal && !input.isStatic) return all;
  return n.stopped === n.stoppedForGood ? all : 'Running';
}

function countInit(
  n: Count,
  status: ContainerStatus | undefined,
  restarts: (code: number) => boolean,
): void {
  const ended =
    status?.state?.terminated ??
    (status?.state?.waiting ? status.lastState?.terminated : undefined);
  if (!ended) n.pendingInit += 1;
  else if (ended.exitCode !== 0 && !restarts(ended.exitCode)) n.initFailedForGood += 1;
}

function countSidecar(n: Count, status: ContainerStatus | undefined): void {
  if (status?.state?.running) {
    n.running += 1;
    if (!status.started) n.pendingSidecars += 1;
  } else if (status?.state?.waiting) {
    if (status.lastState?.terminated) return;
    n.pendingSidecars += 1;
    n.waiting += 1;
  } else if (!status?.state?.terminated) n.unknown += 1;
}

function countContainer(
  n: Count,
  status: ContainerStatus | undefined,
  restarts: (code: number) => boolean,
): void {
  const { running, terminated, waiting } = status?.state ?? {};
  const ended = terminated ?? (waiting ? status?.lastState?.terminated : undefined);
  if (running) n.running += 1;
  else if (ended) {
    n.stopped += 1;
    if (!restarts(ended.exitCode)) n.stoppedForGood += 1;
    if (terminated && ended.exitCode === 0) n.succeeded += 1;
  } else if (waiting) n.waiting += 1;
  else n.unknown += 1;
}
