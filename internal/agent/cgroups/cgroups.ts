import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Tree } from '../../io/tree.ts';
import { qosOf } from '../config/pod-resources.ts';
import { cpuShares } from '../config/resources.ts';
import { findHierarchy, makeGroup, removeGroup, type Hierarchy } from './hierarchy.ts';
import { leastShares, periodMicros, podLimits, weightOf, type PodLimits } from './pod-limits.ts';

export interface CgroupsOptions {
  disk: Disk;
  tree: Tree;
  clock: Clock;
  log: Log;
  /** The group that holds all pods; default `/kubepods`. */
  parent?: string;
}

const op = 'cgroups';
/** A killed process leaves its cgroup a moment after it is gone. */
const removeTries = 20;
const removeWaitMs = 50;

/** The cgroups of all pods on the node. */
export class Cgroups {
  readonly #options: CgroupsOptions;
  readonly #parent: string;
  readonly #hierarchy: Hierarchy;
  readonly #burstable = new Map<string, bigint>();

  constructor(options: CgroupsOptions, hierarchy: Hierarchy) {
    this.#options = options;
    this.#parent = options.parent ?? '/kubepods';
    this.#hierarchy = hierarchy;
  }

  get version(): 1 | 2 {
    return this.#hierarchy.version;
  }

  /** cgroup_parent of the pod's sandbox. */
  parentOf(pod: Pod): string {
    const qos = qosOf(pod);
    const folder = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
    return `${this.#parent}${folder}/pod${pod.metadata.uid ?? ''}`;
  }

  /**
   * Makes the pod's cgroup and gives it the limits of the spec. Again after a resize; unchanged
   * values do no harm.
   */
  async ensure(pod: Pod): Promise<void> {
    const group = this.parentOf(pod);
    const limits = podLimits(pod);
    await makeGroup(group, this.#hierarchy, this.#options);
    await this.#setLimits(group, limits);
    if (qosOf(pod) !== 'Burstable') return;
    this.#burstable.set(pod.metadata.uid ?? '', limits.cpuMilli);
    await this.#shareOfBurstable();
  }

  /** Removes the pod's cgroups. Throws when a process will not leave. */
  async remove(uid: string): Promise<void> {
    for (const folder of ['', '/burstable', '/besteffort']) {
      for (
        let tries = 1;
        !(await removeGroup(`${this.#parent}${folder}/pod${uid}`, this.#hierarchy, this.#options));
        tries++
      ) {
        if (tries >= removeTries) throw new Error(`cgroup of pod ${uid} is still in use`);
        await this.#options.clock.sleep(op, removeWaitMs);
      }
    }
    if (this.#burstable.delete(uid)) await this.#shareOfBurstable();
  }

  /**
   * Removes what pods of an earlier life have left. What will not go now is left for the next time.
   */
  async sweep(living: ReadonlySet<string>): Promise<void> {
    for (const uid of await this.leftovers()) {
      if (!living.has(uid))
        await this.remove(uid).catch((error: unknown) =>
          this.#options.log.warn('cgroup was not removed', { uid, error }),
        );
    }
  }

  /** The uids of all pods that have a cgroup. */
  async leftovers(): Promise<string[]> {
    const found = new Set<string>();
    for (const root of this.#hierarchy.roots) {
      for (const folder of ['', '/burstable', '/besteffort']) {
        for (const name of await this.#options.disk.list(op, root.path + this.#parent + folder))
          if (name.startsWith('pod')) found.add(name.slice(3));
      }
    }
    return [...found];
  }

  /** Where the files of a controller are for a group, for reading usage. */
  pathOf(group: string, controller: string): string | undefined {
    const root =
      this.#hierarchy.version === 2
        ? this.#hierarchy.roots[0]
        : this.#hierarchy.roots.find((r) => r.controllers.includes(controller));
    return root && root.path + group;
  }

  /** Makes the groups above the pods. Once, at start. */
  async start(): Promise<void> {
    for (const folder of ['/burstable', '/besteffort'])
      await makeGroup(this.#parent + folder, this.#hierarchy, this.#options);
    await this.#put(`${this.#parent}/besteffort`, 'cpu', this.#shares(leastShares));
  }

  async #setLimits(group: string, limits: PodLimits): Promise<void> {
    const quota = limits.cpuQuota || -1;
    const cpu = async (): Promise<void> => {
      await this.#put(group, 'cpu', this.#shares(limits.cpuShares));
      if (this.version === 2)
        return this.#put(group, 'cpu', ['cpu.max', `${quota < 0 ? 'max' : quota} ${periodMicros}`]);
      await this.#put(group, 'cpu', ['cpu.cfs_period_us', String(periodMicros)]);
      await this.#put(group, 'cpu', ['cpu.cfs_quota_us', String(quota)]);
    };
    const memory = (): Promise<void> =>
      this.version === 1
        ? this.#put(group, 'memory', ['memory.limit_in_bytes', String(limits.memoryBytes || -1)])
        : this.#put(group, 'memory', ['memory.max', String(limits.memoryBytes || 'max')]);
    await Promise.all([cpu(), memory()]);
  }

  /** All burstable pods together weigh what they asked for. */
  async #shareOfBurstable(): Promise<void> {
    let milli = 0n;
    for (const asked of this.#burstable.values()) milli += asked;
    await this.#put(`${this.#parent}/burstable`, 'cpu', this.#shares(cpuShares(milli)));
  }

  #shares(shares: number): [string, string] {
    return this.version === 1
      ? ['cpu.shares', String(shares)]
      : ['cpu.weight', String(weightOf(shares))];
  }

  /**
   * A limit that the kernel refuses (memory below what is used, say) is told, and does not keep the
   * pod from running.
   */
  async #put(
    group: string,
    controller: string,
    [file, value]: [string, string] | string[],
  ): Promise<void> {
    const path = this.pathOf(group, controller);
    if (!path || file === undefined || value === undefined) return;
    try {
      await this.#options.tree.put(op, `${path}/${file}`, value);
    } catch (error) {
      this.#options.log.warn('cgroup value was refused', { group, file, value, error });
    }
  }
}

/** Finds the machine's cgroups and makes the groups for pods. */
export async function openCgroups(options: CgroupsOptions): Promise<Cgroups> {
  const cgroups = new Cgroups(options, await findHierarchy(options.disk));
  await cgroups.start();
  return cgroups;
}
