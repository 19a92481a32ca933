import { LRUCache } from 'lru-cache';
import type { ContainerStatus, PodStatus } from '../../api/generated/types/core-v1.ts';
import type { TerminatedSample } from '../server/node-view.ts';

/** Pods of which it is remembered which ends were counted; far more than run on a node. */
const mostPods = 4096;
/** Exit codes and reasons come from containers. */
const mostSeries = 1000;

/**
 * Counts each container's end once, from the statuses that pods have
 * (kubelet_terminated_containers_total).
 */
export class TerminatedContainers {
  /** By pod: the container ids that were counted and that its status still names. */
  readonly #counted = new LRUCache<string, Set<string>>({ max: mostPods });
  readonly #samples = new Map<string, TerminatedSample>();

  observe(uid: string, status: PodStatus): void {
    const before = this.#counted.get(uid);
    const now = new Set<string>();
    const look = (
      type: TerminatedSample['container_type'],
      containers: readonly ContainerStatus[] | undefined,
    ): void => {
      for (const container of containers ?? []) {
        for (const ended of [container.lastState?.terminated, container.state?.terminated]) {
          if (!ended?.containerID || now.has(ended.containerID)) continue;
          now.add(ended.containerID);
          if (!before?.has(ended.containerID))
            this.#count(type, ended.exitCode, ended.reason ?? '');
        }
      }
    };
    look('init_container', status.initContainerStatuses);
    look('container', status.containerStatuses);
    look('ephemeral_container', status.ephemeralContainerStatuses);
    if (now.size > 0 || before) this.#counted.set(uid, now);
  }

  samples(): TerminatedSample[] {
    return [...this.#samples.values()];
  }

  #count(type: TerminatedSample['container_type'], exitCode: number, reason: string): void {
    const key = JSON.stringify([type, exitCode, reason]);
    const known = this.#samples.get(key);
    if (known) known.count++;
    else if (this.#samples.size < mostSeries)
      this.#samples.set(key, {
        container_type: type,
        exit_code: String(exitCode),
        reason,
        count: 1,
      });
  }
}
