import type { Pod } from '../api/generated/types/core-v1.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { CycleState } from './framework/cycle-state.ts';
import type { Profile } from './framework/profile.ts';
import { failed, unschedulable, type Status } from './framework/status.ts';
import type { QueuedPod } from './queue/queued-pod.ts';

/** A pod that has a node and is on its way there. */
export interface Bound {
  pod: QueuedPod;
  state: CycleState;
  node: string;
}

/** A pod that Permit plug-ins hold. */
interface Held {
  decide(status: Status | undefined): void;
}

/**
 * Pods between their node and their binding: held by Permit, or at work in PreBind. One that is
 * preempted or deleted meanwhile is called off without a call to the API server.
 */
export class BindingCycles {
  readonly #clock: Clock;
  /** By uid. */
  readonly #held = new Map<string, Held>();
  readonly #preBinding = new Map<string, AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until the plug-ins let the pod go, or the time for it is up. */
  permitted({ pod }: Bound, wait: Status): Promise<Status | undefined> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const decide = (status: Status | undefined): void => {
        timer?.cancel();
        this.#held.delete(pod.info.uid);
        resolve(status);
      };
      this.#held.set(pod.info.uid, { decide });
      timer = this.#clock.after('scheduler.permit', wait.timeoutMs ?? 0, () =>
        decide(unschedulable(wait.plugin, 'rejected due to timeout after waiting')),
      );
    });
  }

  /** PreBind, which the pod's deletion or a more important pod may call off; then Bind. */
  async bind({ pod, state, node }: Bound, works: boolean): Promise<Status | undefined> {
    const { profile, info } = pod;
    if (works) {
      const status = await this.#preBind({ pod, state, node }, profile);
      if (status) return status;
    }
    return await profile.bind(state, info, node);
  }

  async #preBind({ pod, state, node }: Bound, profile: Profile): Promise<Status | undefined> {
    const abort = new AbortController();
    this.#preBinding.set(pod.info.uid, abort);
    try {
      const status = await profile.preBind(state, pod.info, node, abort.signal);
      if (status) return status;
      const { reason } = abort.signal;
      return abort.signal.aborted
        ? failed('', reason instanceof Error ? reason.message : 'called off')
        : undefined;
    } finally {
      this.#preBinding.delete(pod.info.uid);
    }
  }

  /** Lets a held pod go. */
  allow(uid: string): void {
    this.#held.get(uid)?.decide(undefined);
  }

  /** Calls a pod off; false when it is past that, or was never here. */
  cancel(uid: string, why: string): boolean {
    const held = this.#held.get(uid);
    held?.decide(unschedulable('', why));
    const working = this.#preBinding.get(uid);
    working?.abort(new Error(why));
    return held !== undefined || working !== undefined;
  }

  leaves(pod: Pod): void {
    this.cancel(pod.metadata.uid ?? '', 'the pod is gone');
  }

  stop(): void {
    for (const uid of [...this.#held.keys(), ...this.#preBinding.keys()])
      this.cancel(uid, 'the scheduler stops');
  }
}
