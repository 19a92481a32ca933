import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { PodState } from './state.ts';

/** Where the state of one pod is kept while its steps are performed. */
export interface PodCell {
  /** As the API (or the manifest) says it now. */
  readonly pod: Pod;
  readonly state: PodState;
  change(fields: Partial<PodState>): void;
  /** Aborted when the pod should end. */
  readonly signal: AbortSignal;
  /** Another pass follows; or after a time, of which the earliest counts. */
  wake(): void;
  later(delayMs: number): void;
}
