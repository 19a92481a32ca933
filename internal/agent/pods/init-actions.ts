import type { Container } from '../../api/generated/types/core-v1.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { latest, type RuntimeContainer } from './model.ts';
import { definitionChanged, type PodActions, type ActionsInput } from './action-types.ts';
import { shouldRestart } from './restart-policy.ts';

/**
 * The kubelet's computeInitContainerActions. Walks the init containers backwards, because finished
 * ones may have been removed from the runtime: the last one that is known says how far the pod has
 * come. True = initialized.
 */
export function initActions(input: ActionsInput, made: PodActions): boolean {
  const { pod, runtime } = input;
  const all = pod.spec.initContainers ?? [];
  if (all.length === 0) return true;
  const state: Progress = {
    initialized: pod.spec.containers.some((c) => {
      const status = latest(runtime, c.name);
      return (
        status?.sandboxId === runtime.sandboxes[0]?.id &&
        ['created', 'running'].includes(status?.state ?? '')
      );
    }),
    before: false,
    failed: false,
    start: [],
  };
  state.before = state.initialized;
  for (let i = all.length - 1; i >= 0 && !state.failed; i--) {
    const container = all[i]!;
    const status = latest(runtime, container.name);
    if (!status) {
      if (state.before && isSidecar(container)) state.start.push(container);
      continue;
    }
    if (state.before && !isSidecar(container)) continue;
    step(input, made, state, { container, status, next: all[i + 1] });
    state.before = true;
  }
  if (state.failed) {
    made.killPod = true;
    made.startInit = [];
    return false;
  }
  if (!state.before && all[0]) state.start.push(all[0]);
  made.startInit = state.start.reverse();
  return state.initialized;
}

interface Progress {
  initialized: boolean;
  /** A later init container has run, so this one was initialized before. */
  before: boolean;
  failed: boolean;
  start: Container[];
}

interface Here {
  container: Container;
  status: RuntimeContainer;
  next: Container | undefined;
}

function step(input: ActionsInput, made: PodActions, state: Progress, here: Here): void {
  const { container, status } = here;
  if (status.state === 'created') state.start.push(container);
  else if (status.state === 'running') {
    if (isSidecar(container)) runningSidecar(input, made, state, here);
  } else if (status.state === 'exited' && status.exitCode === 0 && !isSidecar(container))
    done(state, here);
  else if (isSidecar(container) || shouldRestart(container, input.pod, input.runtime)) {
    if (status.state === 'unknown')
      made.kill.push({
        id: status.id,
        name: status.name,
        message: 'Init container is in "unknown" state, try killing it before restart',
        reason: 'Unknown',
      });
    state.start.push(container);
  } else state.failed = true;
}

function runningSidecar(input: ActionsInput, made: PodActions, state: Progress, here: Here): void {
  const { container, status } = here;
  const again = (message: string, reason: 'StartupProbe' | 'LivenessProbe' | ''): void => {
    made.kill.push({
      id: status.id,
      name: status.name,
      message: `Init container ${container.name} ${message}`,
      reason,
    });
    state.start.push(container);
  };
  if (container.startupProbe) {
    const verdict = input.startup(status.id);
    if (verdict === 'failure') again('failed startup probe', 'StartupProbe');
    if (verdict !== 'success') return;
  }
  done(state, here);
  if (definitionChanged(container, status)) again('definition changed', '');
  else if (container.livenessProbe && input.liveness(status.id) === 'failure')
    again('failed liveness probe', 'LivenessProbe');
  else if (input.resizeRestarts?.has(container.name)) again('resize requires restart', '');
}

function done(state: Progress, here: Here): void {
  if (!here.next) state.initialized = true;
  else if (!state.before) state.start.push(here.next);
}
