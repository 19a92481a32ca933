import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { latest, type PodRuntime } from './model.ts';

/**
 * Whether a container that ended with `exitCode` runs again: its own rules and policy come before
 * the pod's (KEP-5307).
 */
export function restartsAfter(container: Container, pod: Pod, exitCode: number): boolean {
  for (const rule of container.restartPolicyRules ?? []) {
    if (rule.exitCodes && matches(rule.exitCodes, exitCode)) return rule.action === 'Restart';
  }
  const policy = container.restartPolicy || pod.spec.restartPolicy || 'Always';
  if (policy === 'Never') return false;
  return policy === 'Always' || exitCode !== 0;
}

function matches(codes: { operator?: string; values?: number[] }, exitCode: number): boolean {
  const listed = (codes.values ?? []).includes(exitCode);
  return codes.operator === 'NotIn' ? !listed : listed;
}

/** Whether the next pass should start this container. */
export function shouldRestart(container: Container, pod: Pod, runtime: PodRuntime): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  const status = latest(runtime, container.name);
  if (!status) return true;
  if (status.state === 'running') return false;
  if (status.state !== 'exited') return true;
  return restartsAfter(container, pod, status.exitCode);
}

/** Whether a running container that is killed (failed probe) comes back. */
export function restartsWhenKilled(container: Container, pod: Pod): boolean {
  return (
    (container.restartPolicy || pod.spec.restartPolicy || 'Always') !== 'Never' ||
    isSidecar(container)
  );
}
