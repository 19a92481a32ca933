import type { Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { CgroupFiles } from '../../io/cgroup-files.ts';
import type { Log } from '../../io/log.ts';
import { qosOf } from '../config/pod-resources.ts';
import { limitFiles, podLimits } from './limits.ts';

const root = '/kubepods';
/** Hierarchies of version 1 that containers are put into. */
const controllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'hugetlb', 'systemd', 'net_cls', 'net_prio', 'perf_event', 'rdma'];

/** The groups of all pods. */
export class PodCgroups {
  readonly #files: CgroupFiles;
  readonly #log: Log;
  #hierarchies: string[] = [];
  #version: 1 | 2 = 1;

  constructor(files: CgroupFiles, log: Log) {
    this.#files = files;
    this.#log = log;
  }

  /** Finds the hierarchies and makes the quality of service groups. */
  async start(): Promise<void> {
    this.#version = (await this.#files.isUnified()) ? 2 : 1;
    this.#hierarchies = this.#version === 2 ? [''] : await this.#files.mounted(controllers);
    for (const group of [root, `${root}/burstable`, `${root}/besteffort`]) await this.#make(group);
    if (this.#version === 1) await this.#write('cpu', `${root}/besteffort`, 'cpu.shares', '2');
  }

  get version(): 1 | 2 {
    return this.#version;
  }

  /** The parent that the runtime is told: absolute, relative to our own view of the hierarchies. */
  pathOf(pod: Pod): string {
    const qos = qosOf(pod);
    return `${root}${qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`}/pod${pod.metadata.uid}`;
  }

  async create(pod: Pod): Promise<void> {
    const path = this.pathOf(pod);
    await this.#make(path);
    await this.limit(pod);
  }

  /** Holds the pod's group to what the pod says now. */
  async limit(pod: Pod): Promise<void> {
    const path = this.pathOf(pod);
    for (const { controller, file, value } of limitFiles(podLimits(pod), this.#version)) await this.#write(controller, path, file, value);
  }

  /** Removes the pod's groups, which must be empty of processes. */
  async remove(pod: Pod): Promise<void> {
    await this.#removePath(this.pathOf(pod));
  }

  /** Removes what pods of an earlier life have left. */
  async sweep(living: ReadonlySet<string>): Promise<void> {
    for (const parent of [root, `${root}/burstable`, `${root}/besteffort`]) {
      const names = new Set<string>();
      for (const hierarchy of this.#hierarchies) for (const name of await this.#files.children(hierarchy, parent)) names.add(name);
      for (const name of names) if (name.startsWith('pod') && !living.has(name.slice(3))) await this.#removePath(`${parent}/${name}`);
    }
  }

  async #removePath(path: string): Promise<void> {
    await Promise.all(this.#hierarchies.map((h) => this.#files.remove(h, path).catch((error: unknown) => this.#log.debug('cgroup not removed', { path, error: messageOf(error) }))));
  }

  async #make(path: string): Promise<void> {
    await Promise.all(this.#hierarchies.map((h) => this.#files.make(h, path)));
  }

  /** A machine without a controller runs pods without that limit. */
  async #write(controller: string, path: string, file: string, value: string): Promise<void> {
    const hierarchy = this.#version === 2 ? '' : controller;
    if (!this.#hierarchies.includes(hierarchy)) return;
    await this.#files.write(hierarchy, path, file, value).catch((error: unknown) => this.#log.warn('cgroup limit not set', { path, file, value, error: messageOf(error) }));
  }
}
