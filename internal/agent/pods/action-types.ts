import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { containerHash } from '../config/labels.ts';
import type { PodRuntime, RuntimeContainer } from './model.ts';

export type KillReason = '' | 'StartupProbe' | 'LivenessProbe' | 'Unknown';

export interface Kill {
  id: string;
  name: string;
  message: string;
  reason: KillReason;
}

export type ProbeVerdict = 'success' | 'failure' | undefined;

export interface ActionsInput {
  pod: Pod;
  runtime: PodRuntime;
  liveness(containerId: string): ProbeVerdict;
  startup(containerId: string): ProbeVerdict;
  /** Containers whose running instance must be restarted to take new resources. */
  resizeRestarts?: ReadonlySet<string>;
}

/** What has to be done, in this order: kill, sandbox, ephemeral, init, containers. */
export interface PodActions {
  killPod: boolean;
  createSandbox: boolean;
  sandboxId: string;
  attempt: number;
  kill: Kill[];
  startEphemeral: Container[];
  startInit: Container[];
  start: Container[];
}

/**
 * The container was made from another image (or definition) than the pod now names. An adopted one
 * without a hash is left alone.
 */
export function definitionChanged(container: Container, status: RuntimeContainer): boolean {
  return status.hash !== '' && status.hash !== containerHash(container);
}
