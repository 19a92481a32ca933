import type { Node, Pod } from '../api/generated/types/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Client, Mirror } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Log } from '../io/log.ts';
import { isMirror } from './pods/model.ts';
import type { PodSet } from './pods/pod-set.ts';
import { mirrorIsCurrent, mirrorOf } from './static-pods/static-pod.ts';

/** Keeps the API showing the static pods of this node, and nothing else under their names. */
export class MirrorPods {
  readonly #options: { client: Client; pods: Mirror<Pod>; set: PodSet; node(): Node | undefined; log: Log };
  #wanted = new Map<string, Pod>();
  #queue: Promise<void> = Promise.resolve();

  constructor(options: { client: Client; pods: Mirror<Pod>; set: PodSet; node(): Node | undefined; log: Log }) {
    this.#options = options;
  }

  /** The manifests changed. */
  changed(pods: Pod[]): void {
    const next = new Map(pods.map((p) => [keyOf(p), p]));
    const uids = new Set(pods.map((p) => p.metadata.uid));
    const gone = [...this.#wanted.values()].filter((p) => !uids.has(p.metadata.uid));
    this.#wanted = next;
    for (const pod of gone) this.#options.set.remove(pod.metadata.uid!);
    for (const pod of pods) this.#options.set.apply(pod);
    this.reconcile();
  }

  isWanted(uid: string): boolean {
    return [...this.#wanted.values()].some((p) => p.metadata.uid === uid);
  }

  /** A mirror pod came, changed or went, or the Node was registered. */
  reconcile(): void {
    this.#queue = this.#queue.then(() => this.#pass()).catch((error: unknown) => this.#options.log.warn('static pods are not shown', { error: messageOf(error) }));
  }

  async #pass(): Promise<void> {
    const { pods, set } = this.#options;
    for (const shown of pods.list()) {
      if (!isMirror(shown)) continue;
      const pod = this.#wanted.get(keyOf(shown));
      if (!pod || !mirrorIsCurrent(shown, pod)) await this.#delete(shown);
    }
    if (!this.#options.node()) return;
    for (const [key, pod] of this.#wanted) {
      const shown = pods.get(key);
      if (!shown) await this.#create(pod);
      else set.worker(pod.metadata.uid!)?.republish();
    }
  }

  async #create(pod: Pod): Promise<void> {
    try {
      await this.#options.client.create(refs.pods, mirrorOf(pod, this.#options.node()), { namespace: pod.metadata.namespace });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    }
  }

  async #delete(shown: Pod): Promise<void> {
    const { namespace, name, uid } = shown.metadata;
    try {
      await this.#options.client.delete(refs.pods, { namespace, name: name! }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict'))) throw error;
    }
  }
}
