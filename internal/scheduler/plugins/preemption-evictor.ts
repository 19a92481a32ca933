import type { Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Handle } from '../framework/handle.ts';
import type { Candidate } from './preemption-order.ts';

/** Evicts victims beside the scheduling loop (KEP-4832); the preemptor waits until all are told. */
export class Evictor {
  readonly #h: Handle;
  readonly #evicting = new Set<string>();

  constructor(handle: Handle) {
    this.#h = handle;
  }

  isEvictingFor(uid: string): boolean {
    return this.#evicting.has(uid);
  }

  start(pod: PodInfo, candidate: Candidate): void {
    const victims = candidate.victims.filter((v) => !v.metadata.deletionTimestamp);
    if (victims.length === 0) return;
    this.#evicting.add(pod.uid);
    void this.#evict(pod, { ...candidate, victims }).finally(() => {
      this.#evicting.delete(pod.uid);
      // Its victims may be gone already; they went while it was held.
      this.#h.ungate(pod.key);
    });
  }

  async #evict(pod: PodInfo, { node, victims }: Candidate): Promise<void> {
    await this.#dropNominations(pod, node);
    for (const victim of victims) {
      try {
        await this.#evictOne(pod, victim, node);
      } catch (error) {
        if (error instanceof ApiError && error.reason === 'NotFound') continue;
        this.#h.log.warn('cannot preempt a pod', { pod: keyOf(victim), error: messageOf(error) });
        this.#h.activate(pod.key);
        return;
      }
    }
  }

  async #evictOne(pod: PodInfo, victim: Pod, node: string): Promise<void> {
    const { client, clock, events } = this.#h;
    const uid = victim.metadata.uid ?? '';
    const note = `Preempted by pod ${pod.uid} on node ${node}`;
    const happened = { type: 'Normal', reason: 'Preempted', action: 'Preempting' } as const;
    if (this.#h.cancelBinding(uid, 'preempted by DefaultPreemption')) {
      const inMemory = `${note} (in kube-scheduler memory).`;
      return events.record(victim, { ...happened, note: inMemory, related: pod.pod });
    }
    const target = { namespace: victim.metadata.namespace ?? '', name: victim.metadata.name ?? '' };
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${pod.pod.spec.schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timeOf(clock.now()),
      observedGeneration: victim.metadata.generation,
    };
    await client.patch(
      refs.pods,
      { ...target, subresource: 'status' },
      { type: 'strategic', body: { status: { conditions: [condition] } } },
    );
    await client.delete(refs.pods, target, { preconditions: { uid } });
    events.record(victim, { ...happened, note, related: pod.pod });
  }

  /** Lesser pods that were promised this node look for another one. */
  async #dropNominations(pod: PodInfo, node: string): Promise<void> {
    const { cache, client, log } = this.#h;
    for (const other of [...cache.nominatedOn(node)]) {
      if (other.uid === pod.uid || other.priority >= pod.priority) continue;
      cache.unnominate(other.uid);
      try {
        await client.patch(
          refs.pods,
          { namespace: other.namespace, name: other.name, subresource: 'status' },
          { type: 'merge', body: { status: { nominatedNodeName: null } } },
        );
      } catch (error) {
        log.debug('cannot take a nomination back', { pod: other.key, error: messageOf(error) });
      }
      this.#h.activate(other.key);
    }
  }
}
