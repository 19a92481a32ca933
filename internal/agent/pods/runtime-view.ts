import type { Clock } from '../../io/clock.ts';
import { emptyRuntime, type PodRuntime, type RuntimeContainer, withoutNetwork } from './model.ts';
import type { RuntimeReader } from './runtime-reader.ts';

/** How often and how long to look for an end that was announced. */
const lagLookMs = 5;
const mostLagLooks = 200;

export interface RuntimeViewPorts {
  reader: Pick<RuntimeReader, 'pod' | 'container'>;
  clock: Pick<Clock, 'sleep'>;
  /** The event stream has told the end of this container or sandbox. */
  hasEnded(id: string): boolean;
}

/** What the runtime holds for one pod; asks the runtime only for what may have changed. */
export class RuntimeView {
  runtime: PodRuntime = emptyRuntime;
  readonly #ports: RuntimeViewPorts;
  readonly #uid: string;
  /** `all`: everything must be read; else the containers whose state changed. */
  #stale: 'all' | Set<string>;
  #cutOff = '';

  /** `known`: the runtime holds nothing of the pod yet. */
  constructor(ports: RuntimeViewPorts, uid: string, { known }: { known: boolean }) {
    this.#ports = ports;
    this.#uid = uid;
    this.#stale = known ? new Set() : 'all';
  }

  /** One container or sandbox changed; without an id, anything may have. */
  changed(id?: string): void {
    if (id === undefined) this.#stale = 'all';
    else if (this.#stale !== 'all') this.#stale.add(id);
  }

  /** Reads what has changed. A failure leaves everything to be read again. */
  async refresh(): Promise<void> {
    const stale = this.#stale;
    this.#stale = new Set();
    try {
      if (stale === 'all') await this.readAll();
      else if (stale.size > 0) await Promise.all([...stale].map((id) => this.reread(id)));
    } catch (error) {
      this.#stale = 'all';
      throw error;
    }
  }

  async readAll(): Promise<void> {
    const read = await this.#ports.reader.pod(this.#uid, this.runtime);
    this.runtime = withoutNetwork(read, this.#cutOff);
  }

  /** A sandbox's network is lost: it counts as ended, whatever the runtime says of it. */
  cutOff(sandboxId: string): void {
    this.#cutOff = sandboxId;
    this.changed();
  }

  /**
   * Reads one container anew: at its place, or as the newest, in the sandbox that is told. A
   * sandbox's own end is a reason to read everything.
   */
  async reread(id: string, sandboxId?: string): Promise<void> {
    if (this.runtime.sandboxes.some((s) => s.id === id)) {
      await this.#lagged(
        id,
        () => this.readAll(),
        () => this.runtime.sandboxes.some((s) => s.id === id && s.ready),
      );
      return;
    }
    let container: RuntimeContainer | undefined;
    await this.#lagged(
      id,
      async () => void (container = await this.#ports.reader.container(id)),
      () => container?.state === 'running',
    );
    const others = this.runtime.containers.filter((c) => c.id !== id);
    const before = this.runtime.containers.find((c) => c.id === id);
    if (container) container = { ...container, sandboxId: sandboxId ?? before?.sandboxId ?? '' };
    const containers = container
      ? [...others, container].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      : others;
    this.runtime = { ...this.runtime, containers };
  }

  /** The event of an end overtakes the runtime's own bookkeeping by some milliseconds. */
  async #lagged(id: string, read: () => Promise<void>, runs: () => boolean): Promise<void> {
    await read();
    for (let tries = 0; runs() && this.#ports.hasEnded(id) && tries < mostLagLooks; tries++) {
      await this.#ports.clock.sleep('pod.exit', lagLookMs);
      await read();
    }
  }
}
