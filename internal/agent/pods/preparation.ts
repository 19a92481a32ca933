import { VolumesError } from '../volumes/volumes.ts';
import type { PodCell } from './cell.ts';
import type { PodEvents, PodCgroups, PodVolumes, Readiness } from './ports.ts';
import { allocatedPod } from './resize.ts';

interface Ports {
  volumes: Pick<PodVolumes, 'mount'>;
  cgroups: Pick<PodCgroups, 'ensure'>;
  events: PodEvents;
  readiness: Pick<Readiness, 'offline'>;
}

/** What must stand before a container is started; each is made once in a pod's life here. */
export class Preparation {
  readonly #cell: PodCell;
  readonly #ports: Ports;
  #mounted = false;
  #cgroup: Promise<void> | undefined;

  constructor(cell: PodCell, ports: Ports) {
    this.#cell = cell;
    this.#ports = ports;
  }

  /**
   * Control group and volumes. `adopted`: the containers use the volumes already; those that can
   * are followed.
   */
  async all({ adopted = false } = {}): Promise<void> {
    await Promise.all([this.#makeCgroup(), this.#mountVolumes(adopted)]);
  }

  async #makeCgroup(): Promise<void> {
    const { pod, state } = this.#cell;
    this.#cgroup ??= this.#ports.cgroups.ensure(allocatedPod(pod, state.resize));
    try {
      await this.#cgroup;
    } catch (error) {
      this.#cgroup = undefined;
      throw error;
    }
  }

  async #mountVolumes(adopted: boolean): Promise<void> {
    if (this.#mounted) return;
    const { pod } = this.#cell;
    const { volumes, readiness, events } = this.#ports;
    try {
      await volumes.mount(pod, { offline: readiness.offline(), adopted });
      this.#mounted = true;
    } catch (error) {
      if (error instanceof VolumesError)
        for (const { message } of error.failures) events.warning(pod, 'FailedMount', message);
      throw error;
    }
  }
}
