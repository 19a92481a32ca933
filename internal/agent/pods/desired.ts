import type { Pod } from '../../api/generated/types/core-v1.ts';
import { deepFreeze } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';

const op = 'pods.desired';

/**
 * What the node should run, on disk: after a reboot its pods start while the server is away.
 * Written when a pod comes, when its spec changes and when it goes; never for a status, so that a
 * flash card is spared.
 */
export class DesiredPods {
  readonly #dir: string;
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #written = new Map<string, string>();
  #queue: Promise<void> = Promise.resolve();

  constructor(options: { dir: string; disk: Disk; log: Log }) {
    this.#dir = options.dir;
    this.#disk = options.disk;
    this.#log = options.log;
  }

  async load(): Promise<Pod[]> {
    await this.#disk.makeDir(op, this.#dir, 0o700);
    const pods: Pod[] = [];
    for (const name of await this.#disk.list(op, this.#dir)) {
      const bytes = name.endsWith('.json')
        ? await this.#disk.readIfThere(op, `${this.#dir}/${name}`)
        : undefined;
      if (!bytes) continue;
      try {
        const pod = JSON.parse(bytes.toString()) as Pod;
        this.#written.set(pod.metadata.uid!, version(pod));
        pods.push(deepFreeze(pod));
      } catch (error) {
        this.#log.warn('a remembered pod cannot be read', { file: name, error: messageOf(error) });
      }
    }
    return pods;
  }

  put(pod: Pod): void {
    const uid = pod.metadata.uid!;
    if (this.#written.get(uid) === version(pod)) return;
    this.#written.set(uid, version(pod));
    this.#later(() =>
      this.#disk.writeAtomic(op, `${this.#dir}/${uid}.json`, JSON.stringify(pod), { mode: 0o600 }),
    );
  }

  remove(uid: string): void {
    if (this.#written.delete(uid))
      this.#later(() => this.#disk.remove(op, `${this.#dir}/${uid}.json`));
  }

  flushed(): Promise<void> {
    return this.#queue;
  }

  #later(work: () => Promise<void>): void {
    this.#queue = this.#queue
      .then(work)
      .catch((error: unknown) =>
        this.#log.warn('desired pods are not remembered', { error: messageOf(error) }),
      );
  }
}

/** Changes with the spec, the metadata that pods see, deletion, and the end of the pod. */
function version(pod: Pod): string {
  const { uid, generation, labels, annotations, deletionTimestamp } = pod.metadata;
  const ended =
    pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? pod.status.phase : '';
  return JSON.stringify([uid, generation, labels, annotations, deletionTimestamp, ended]);
}
