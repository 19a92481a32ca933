import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { ephemeralContainers, latest, type PodRuntime, type RuntimeContainer } from './model.ts';
import { initActions } from './init-actions.ts';
import {
  definitionChanged,
  type KillReason,
  type PodActions,
  type ActionsInput,
} from './action-types.ts';
import { shouldRestart, restartsWhenKilled } from './restart-policy.ts';

/** The kubelet's computePodActions: from what is and what should be to what to do. */
export function podActions(input: ActionsInput): PodActions {
  const { pod, runtime } = input;
  const sandbox = sandboxNeeded(pod, runtime);
  const made: PodActions = {
    killPod: sandbox.create,
    createSandbox: sandbox.create,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    kill: [],
    startEphemeral: [],
    startInit: [],
    start: [],
  };
  if (sandbox.create) return planNewSandbox(input, made);
  made.startEphemeral = ephemeralContainers(pod).filter((c) => !latest(runtime, c.name));
  const initialized = initActions(input, made);
  if (made.killPod || !initialized) return made;
  const kept = planContainers(input, made);
  if (kept === 0 && made.start.length === 0) {
    made.killPod = true;
    made.startInit = []; // sidecars alone do not keep a pod alive
  }
  return made;
}

export function sandboxNeeded(
  pod: Pod,
  runtime: PodRuntime,
): { create: boolean; attempt: number; id: string } {
  const newest = runtime.sandboxes[0];
  if (!newest) return { create: true, attempt: 0, id: '' };
  const again = { create: true, attempt: newest.attempt + 1, id: newest.id };
  if (!newest.ready || runtime.sandboxes.filter((s) => s.ready).length > 1) return again;
  if (newest.hostNetwork !== (pod.spec.hostNetwork ?? false)) return { ...again, id: '' };
  if (!newest.hostNetwork && newest.ips.length === 0) return again;
  return { create: false, attempt: newest.attempt, id: newest.id };
}

function planNewSandbox({ pod, runtime }: ActionsInput, made: PodActions): PodActions {
  const restarts =
    (pod.spec.restartPolicy ?? 'Always') !== 'Never' ||
    pod.spec.containers.some((c) => (c.restartPolicy ?? '') !== '' && c.restartPolicy !== 'Never');
  if (!restarts && made.attempt !== 0 && runtime.containers.length > 0)
    return { ...made, createSandbox: false };
  const start = pod.spec.containers.filter((c) => {
    const once = (c.restartPolicy || pod.spec.restartPolicy) === 'OnFailure';
    const status = latest(runtime, c.name);
    return !(once && status?.state === 'exited' && status.exitCode === 0);
  });
  if (start.length === 0 && pod.spec.containers.some((c) => latest(runtime, c.name)))
    return { ...made, createSandbox: false };
  const first = pod.spec.initContainers?.[0];
  if (first) made.startInit = [first];
  else made.start = start;
  return made;
}

/** Decides for each ordinary container. Returns how many running ones stay as they are. */
function planContainers(input: ActionsInput, made: PodActions): number {
  let kept = 0;
  for (const container of input.pod.spec.containers) {
    const status = latest(input.runtime, container.name);
    if (status?.state === 'running') kept += planRunning(input, made, container, status);
    else if (shouldRestart(container, input.pod, input.runtime)) {
      made.start.push(container);
      if (status?.state === 'unknown')
        made.kill.push({
          id: status.id,
          name: status.name,
          message: 'Container is in "unknown" state, try killing it before restart',
          reason: 'Unknown',
        });
    }
  }
  return kept;
}

function planRunning(
  input: ActionsInput,
  made: PodActions,
  container: Container,
  status: RuntimeContainer,
): 0 | 1 {
  let message = '';
  let reason: KillReason = '';
  let restart = restartsWhenKilled(container, input.pod);
  if (definitionChanged(container, status)) {
    message = `Container ${container.name} definition changed`;
    restart = true;
  } else if (container.livenessProbe && input.liveness(status.id) === 'failure') {
    message = `Container ${container.name} failed liveness probe`;
    reason = 'LivenessProbe';
  } else if (container.startupProbe && input.startup(status.id) === 'failure') {
    message = `Container ${container.name} failed startup probe`;
    reason = 'StartupProbe';
  } else if (input.resizeRestarts?.has(container.name)) {
    message = `Container ${container.name} resize requires restart`;
    restart = true;
  } else return 1;
  if (restart) {
    message += ', will be restarted';
    made.start.push(container);
  }
  made.kill.push({ id: status.id, name: status.name, message, reason });
  return 0;
}
