import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { ownConditions } from './conditions.ts';
import { statusPatch } from './status-patch.ts';
import { TerminatedContainers } from './terminated-containers.ts';

const firstRetryMs = 200;
const longestRetryMs = 30_000;

interface Slot {
  pod: Pod;
  next: PodStatus;
  /** What the API was last known to show. */
  shown: PodStatus;
  shownVersion: string;
  sending: boolean;
  retryMs: number;
  retry: Timer | undefined;
  waiters: (() => void)[];
}

/**
 * Brings pod statuses to the API: one request per pod at a time, the newest status wins, failures
 * are tried again.
 */
export class StatusWriter {
  readonly #slots = new Map<string, Slot>();
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Called when the API says that the pod no longer exists. */
  readonly #gone: (uid: string) => void;
  readonly terminated = new TerminatedContainers();

  readonly #shown: ((before: PodStatus | undefined, now: PodStatus) => void) | undefined;

  constructor(options: {
    client: Client;
    clock: Clock;
    log: Log;
    gone(uid: string): void;
    /** A status will be shown in the place of another. */
    shown?(before: PodStatus | undefined, now: PodStatus): void;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#gone = options.gone;
    this.#shown = options.shown;
  }

  /** `pod` carries the newest status that the API has shown us. */
  put(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid!;
    this.terminated.observe(uid, status);
    let slot = this.#slots.get(uid);
    this.#shown?.(slot?.next ?? pod.status, status);
    if (!slot) {
      slot = {
        pod,
        next: status,
        shown: pod.status ?? {},
        shownVersion: pod.metadata.resourceVersion ?? '',
        sending: false,
        retryMs: firstRetryMs,
        retry: undefined,
        waiters: [],
      };
      this.#slots.set(uid, slot);
    }
    slot.next = status;
    this.observe(pod);
    void this.#send(uid, slot);
  }

  /** The mirror has shown a newer object: its status is the base of the next patch. */
  observe(pod: Pod): void {
    const slot = this.#slots.get(pod.metadata.uid!);
    if (!slot || !newer(pod.metadata.resourceVersion ?? '', slot.shownVersion)) return;
    slot.pod = pod;
    slot.shown = pod.status ?? {};
    slot.shownVersion = pod.metadata.resourceVersion ?? '';
  }

  /** Resolves once everything put so far is written (or the pod is gone). */
  flushed(uid: string): Promise<void> {
    const slot = this.#slots.get(uid);
    if (!slot || (!slot.sending && !slot.retry)) return Promise.resolve();
    return new Promise((resolve) => slot.waiters.push(resolve));
  }

  forget(uid: string): void {
    const slot = this.#slots.get(uid);
    if (!slot) return;
    slot.retry?.cancel();
    this.#slots.delete(uid);
    for (const done of slot.waiters.splice(0)) done();
  }

  stop(): void {
    for (const uid of [...this.#slots.keys()]) this.forget(uid);
  }

  async #send(uid: string, slot: Slot): Promise<void> {
    if (slot.sending || slot.retry) return;
    slot.sending = true;
    try {
      // A status is sent once, even if the server shows it differently afterwards.
      for (let sent: PodStatus | undefined; sent !== slot.next && this.#slots.get(uid) === slot;) {
        sent = slot.next;
        const patch = statusPatch(slot.shown, sent, ownConditions);
        if (!patch) continue;
        const { namespace, name } = slot.pod.metadata;
        const answer = await this.#client.patch<Pod>(
          refs.pods,
          { namespace, name: name!, subresource: 'status' },
          { type: 'strategic', body: { metadata: { uid }, status: patch } },
        );
        slot.shown = answer.status ?? {};
        slot.shownVersion = answer.metadata.resourceVersion ?? '';
        slot.retryMs = firstRetryMs;
      }
    } catch (error) {
      this.#failed(uid, slot, error);
    }
    slot.sending = false;
    if (!slot.retry) for (const done of slot.waiters.splice(0)) done();
  }

  #failed(uid: string, slot: Slot, error: unknown): void {
    if (this.#slots.get(uid) !== slot) return;
    if (
      error instanceof ApiError &&
      (error.reason === 'NotFound' || (error.reason === 'Conflict' && /uid/i.test(error.message)))
    ) {
      this.forget(uid);
      return this.#gone(uid);
    }
    this.#log.warn('pod status not written', {
      pod: slot.pod.metadata.name,
      error: messageOf(error),
    });
    slot.retry = this.#clock.after('status.retry', slot.retryMs, () => {
      slot.retry = undefined;
      void this.#send(uid, slot);
    });
    slot.retryMs = Math.min(longestRetryMs, slot.retryMs * 2);
  }
}

function newer(a: string, b: string): boolean {
  return a.length !== b.length ? a.length > b.length : a > b;
}
