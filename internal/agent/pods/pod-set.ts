import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import { podLogDirectory } from '../config/sandbox-config.ts';
import type { StatusWriter } from '../status/status-writer.ts';
import type { Volumes } from '../volumes/volumes.ts';
import { refusalOf, type Refusal } from './admission.ts';
import type { DesiredPods } from './desired.ts';
import { isFinished, isMirror } from './model.ts';
import { unlinkLogs } from './log-links.ts';
import type { PodCgroups, PodPorts, PodVolumes, Reads, StatusSink } from './ports.ts';
import type { RuntimeReader } from './runtime-reader.ts';
import { removePod, stopPod } from './stop.ts';
import { PodWorker } from './worker.ts';

/** What the set uses beyond what its pods do: each knows all pods of the node. */
export interface PodSetPorts extends PodPorts {
  reader: Reads & Pick<RuntimeReader, 'uids'>;
  volumes: PodVolumes & Pick<Volumes, 'leftovers'>;
  cgroups: PodCgroups & Pick<Cgroups, 'sweep'>;
  writer: StatusSink & Pick<StatusWriter, 'observe'>;
}

export interface PodSetOptions {
  ports: PodSetPorts;
  desired: DesiredPods;
  node(): Node | undefined;
  unsafeSysctls: string[];
}

/** How long an unknown sandbox may take to end when nobody can say its pod's grace period. */
const orphanGraceSeconds = 30;
/** More ends than a node sees between the start of a container and its first reading. */
const mostRememberedEnds = 1024;

/** All pods of the node: hands each desired one to its worker, and ends what nobody wants. */
export class PodSet {
  readonly #ports: PodSetPorts;
  readonly #options: PodSetOptions;
  readonly #workers = new Map<string, PodWorker>();
  /** Pods that the runtime held when we started: their workers must look before they act. */
  #found = new Map<string, { namespace: string; name: string }>();
  #foundAny = false;
  readonly #followers = new Map<string, Pod>();
  /** Finished pods of which the runtime holds nothing any more. */
  readonly #emptied = new WeakSet<PodWorker>();
  #closed: Refusal | undefined;
  /** A container can end before its worker has learned its id. */
  readonly #ended = new Set<string>();

  constructor(options: PodSetOptions) {
    this.#options = options;
    this.#ports = options.ports;
  }

  /** Lists once what runs already. Before the first `apply`. */
  async look(): Promise<void> {
    this.#found = await this.#ports.reader.uids();
    this.#foundAny = this.#found.size > 0;
  }

  /** The runtime held pods of an earlier life when we started. */
  get foundAny(): boolean {
    return this.#foundAny;
  }

  worker(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  workers(): Iterable<PodWorker> {
    return this.#workers.values();
  }

  named(namespace: string, name: string): PodWorker | undefined {
    let found: PodWorker | undefined;
    for (const worker of this.#workers.values()) {
      const { metadata } = worker.pod;
      if (
        metadata.namespace === namespace &&
        metadata.name === name &&
        (!found || found.phase !== 'running')
      )
        found = worker;
    }
    return found;
  }

  /** A pod of the API or of a manifest is there, or changed. */
  apply(pod: Pod): void {
    const uid = pod.metadata.uid!;
    if (isMirror(pod)) return;
    const worker = this.#workers.get(uid);
    this.#ports.writer.observe(pod);
    this.#options.desired.put(pod);
    if (worker) return worker.update(pod);
    const other = this.named(pod.metadata.namespace ?? '', pod.metadata.name ?? '');
    // A new pod under an old name starts when the old one has ended.
    if (other) {
      this.#followers.set(uid, pod);
      return other.wake();
    }
    this.#begin(pod);
  }

  remove(uid: string): void {
    this.#followers.delete(uid);
    this.#options.desired.remove(uid);
    this.#workers.get(uid)?.remove();
  }

  /** The event stream tells that a container or sandbox has ended. */
  exited(containerId: string): void {
    this.#ended.add(containerId);
    const [oldest] = this.#ended;
    if (this.#ended.size > mostRememberedEnds && oldest !== undefined) this.#ended.delete(oldest);
    for (const worker of this.#workers.values()) {
      const { containers, sandboxes } = worker.runtime;
      if (
        containers.some((c) => c.id === containerId) ||
        sandboxes.some((s) => s.id === containerId)
      )
        return worker.runtimeChanged(containerId);
    }
  }

  /**
   * Removes what the runtime and the disk hold of pods that have finished and stay in the API: dead
   * containers, their logs and sandboxes. Their statuses are told already, and stay.
   */
  async removeDead(): Promise<void> {
    for (const worker of this.#workers.values()) {
      if (worker.phase !== 'terminated' || this.#emptied.has(worker)) continue;
      const { uid, pod } = worker;
      try {
        await removePod(this.#ports, uid, podLogDirectory(this.#ports.node.facts().logRoot, pod));
        await unlinkLogs(this.#ports, pod);
        this.#emptied.add(worker);
      } catch (error) {
        this.#ports.log.warn('what is left of a finished pod stays', {
          uid,
          error: messageOf(error),
        });
      }
    }
  }

  /** The pods whose sandboxes have networks of their own. */
  linked(): { sandboxId: string; ips: readonly string[] }[] {
    return [...this.#workers.values()].flatMap(({ phase, pod, runtime }) => {
      const sandbox = runtime.sandboxes[0];
      return phase === 'running' && sandbox?.ready && !pod.spec.hostNetwork
        ? [{ sandboxId: sandbox.id, ips: sandbox.ips }]
        : [];
    });
  }

  /** Nothing leads to a sandbox any more. */
  cutOff(sandboxId: string): void {
    for (const worker of this.#workers.values())
      if (worker.runtime.sandboxes.some((s) => s.id === sandboxId)) worker.cutOff(sandboxId);
  }

  hasEnded(containerId: string): boolean {
    return this.#ended.has(containerId);
  }

  /** Another pod of its name has come, and is started when this one is gone. */
  isAwaited({ metadata }: Pod): boolean {
    for (const follower of this.#followers.values())
      if (
        follower.metadata.name === metadata.name &&
        follower.metadata.namespace === metadata.namespace
      )
        return true;
    return false;
  }

  /** Events may have been missed: every pod looks for itself. */
  relist(): void {
    for (const worker of this.#workers.values())
      if (worker.phase === 'running' || worker.phase === 'terminating') worker.runtimeChanged();
  }

  /** The node can do more than before: every pod tries again. */
  wake(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  /**
   * After the desired pods are known for certain: ends what the runtime, the disk and the cgroups
   * hold of any other.
   */
  async sweep(): Promise<void> {
    const ports = this.#ports;
    for (const [uid, { namespace, name }] of await ports.reader.uids()) {
      if (this.#wanted(uid)) continue;
      ports.log.info('ending a pod that nobody wants any more', {
        pod: `${namespace}/${name}`,
        uid,
      });
      try {
        const runtime = await ports.reader.pod(uid);
        const pod = {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { uid, namespace, name },
          spec: { containers: [] },
        } as unknown as Pod;
        await stopPod(ports, pod, runtime, orphanGraceSeconds);
        await removePod(ports, uid, podLogDirectory(ports.node.facts().logRoot, pod));
      } catch (error) {
        ports.log.warn('an unwanted pod does not end', { uid, error: messageOf(error) });
      }
    }
    for (const uid of await ports.volumes.leftovers()) {
      if (!this.#wanted(uid))
        await ports.volumes
          .unmount(uid)
          .catch((error: unknown) =>
            ports.log.warn('volumes of a former pod stay', { uid, error: messageOf(error) }),
          );
    }
    await ports.cgroups.sweep(new Set([...this.#workers.keys(), ...this.#followers.keys()]));
  }

  done(uid: string): void {
    const worker = this.#workers.get(uid);
    this.#workers.delete(uid);
    this.#found.delete(uid);
    this.#options.desired.remove(uid);
    if (!worker) return;
    for (const [next, pod] of this.#followers) {
      if (
        pod.metadata.namespace !== worker.pod.metadata.namespace ||
        pod.metadata.name !== worker.pod.metadata.name
      )
        continue;
      this.#followers.delete(next);
      this.#begin(pod);
      return;
    }
  }

  /** Leaves everything running. */
  /** Takes no pods from now on. */
  close(refusal: Refusal): void {
    this.#closed = refusal;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((w) => w.leave()));
    await this.#options.desired.flushed();
  }

  #wanted(uid: string): boolean {
    return this.#workers.has(uid) || this.#followers.has(uid);
  }

  #begin(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const restored = this.#found.has(uid);
    const started =
      restored ||
      isFinished(pod) ||
      pod.metadata.deletionTimestamp !== undefined ||
      pod.status?.startTime !== undefined;
    const refusal = started
      ? undefined
      : (this.#closed ??
        refusalOf({
          pod,
          node: this.#options.node(),
          allocatable: this.#ports.node.allocatable(),
          others: [...this.#workers.values()]
            .filter((w) => w.phase === 'running')
            .map((w) => w.pod),
          unsafeSysctls: this.#options.unsafeSysctls,
          facts: this.#ports.node.facts(),
        }));
    if (refusal) this.#ports.events.warning(pod, refusal.reason, refusal.message);
    const verdict = refusal
      ? { reason: refusal.reason, message: `Pod was rejected: ${refusal.message}` }
      : undefined;
    this.#workers.set(uid, new PodWorker(this.#ports, pod, { restored, verdict }));
  }
}
