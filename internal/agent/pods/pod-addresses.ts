import type { Pod } from '../../api/generated/types/core-v1.ts';

/** Who has to know the addresses of pods before they use them; by default nobody. */
export interface PodAddresses {
  /**
   * Resolves when a pod may send and be sent to from these addresses. Until then none of its
   * containers is started.
   */
  hold(pod: Pod, ips: readonly string[]): Promise<void>;
  /** A pod that runs already has these addresses. */
  tell(pod: Pod, ips: readonly string[]): void;
  /** The pod's sandbox is gone. */
  forget(uid: string): void;
}
