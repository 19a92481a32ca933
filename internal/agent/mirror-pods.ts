import type { Node, Pod } from '../api/generated/types/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Client, Mirror } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { isMirror } from './pods/model.ts';
import type { PodSet } from './pods/pod-set.ts';
import { mirrorIsCurrent, mirrorOf } from './static-pods/static-pod.ts';

export interface MirrorPodsOptions {
  client: Client;
  pods: Mirror<Pod>;
  nodes: Mirror<Node>;
  nodeName: string;
  set: PodSet;
  clock: Clock;
  log: Log;
}

const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/** Keeps the API showing the static pods of this node, and nothing else under their names. */
export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  readonly #stopNodes: () => void;
  #retry: Timer | undefined;
  #retryMs = firstRetryMs;
  /** Undefined until the manifests were read: before, nothing shown is known to be too much. */
  #read: Map<string, Pod> | undefined;
  #queue: Promise<void> = Promise.resolve();

  get #wanted(): ReadonlyMap<string, Pod> {
    return this.#read ?? new Map<string, Pod>();
  }

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
    // Mirror pods belong to the Node: with another Node they are made again.
    this.#stopNodes = options.nodes.onChange(({ type, object, old }) => {
      if (
        type !== 'DELETED' &&
        object.metadata.name === options.nodeName &&
        object.metadata.uid !== old?.metadata.uid
      )
        this.reconcile();
    });
  }

  stop(): void {
    this.#stopNodes();
    this.#retry?.cancel();
  }

  /** The manifests were read, and whenever they have changed. */
  changed(pods: Pod[]): void {
    const next = new Map(pods.map((p) => [keyOf(p), p]));
    const uids = new Set(pods.map((p) => p.metadata.uid));
    const gone = [...this.#wanted.values()].filter((p) => !uids.has(p.metadata.uid));
    this.#read = next;
    for (const pod of gone) this.#options.set.remove(pod.metadata.uid!);
    for (const pod of pods) this.#options.set.apply(pod);
    this.reconcile();
  }

  isWanted(uid: string): boolean {
    return [...this.#wanted.values()].some((p) => p.metadata.uid === uid);
  }

  /** A mirror pod came, changed or went, or the Node was registered. */
  reconcile(): void {
    this.#queue = this.#queue
      .then(() => this.#pass())
      .then(
        () => void (this.#retryMs = firstRetryMs),
        (error: unknown) => this.#failed(error),
      );
  }

  #failed(error: unknown): void {
    this.#options.log.warn('static pods are not shown', {
      error: messageOf(error),
      retryMs: this.#retryMs,
    });
    this.#retry?.cancel();
    this.#retry = this.#options.clock.after('static-pods.retry', this.#retryMs, () =>
      this.reconcile(),
    );
    this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
  }

  async #pass(): Promise<void> {
    const { pods, set } = this.#options;
    if (this.#read === undefined) return;
    for (const shown of pods.list()) {
      if (!isMirror(shown)) continue;
      const pod = this.#wanted.get(keyOf(shown));
      if (!pod || !mirrorIsCurrent(shown, pod)) await this.#delete(shown);
    }
    const node = this.#options.nodes.get(this.#options.nodeName);
    if (!node) return;
    for (const [key, pod] of this.#wanted) {
      const shown = pods.get(key);
      if (!shown) await this.#create(pod, node);
      else set.worker(pod.metadata.uid!)?.republish();
    }
  }

  async #create(pod: Pod, node: Node): Promise<void> {
    try {
      await this.#options.client.create(refs.pods, mirrorOf(pod, node), {
        namespace: pod.metadata.namespace,
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    }
  }

  async #delete(shown: Pod): Promise<void> {
    const { namespace, name, uid } = shown.metadata;
    try {
      await this.#options.client.delete(
        refs.pods,
        { namespace, name: name! },
        { gracePeriodSeconds: 0, preconditions: { uid } },
      );
    } catch (error) {
      if (
        !(error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict'))
      )
        throw error;
    }
  }
}
