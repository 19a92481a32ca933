import type { Clock } from '../../io/clock.ts';
import type { PodCell } from './cell.ts';
import { withoutNetwork, type RuntimeContainer } from './model.ts';
import type { Reads, Siblings } from './ports.ts';

/** How often and how long to look for an end that was announced. */
const lagLookMs = 5;
const mostLagLooks = 200;
/**
 * A runtime that could not write an end down (its disk is full) tries again after 1 s, then after
 * twice as long each time, and tells nobody when it has.
 */
const firstLateMs = 1000;
const mostLateMs = 60_000;

interface Ports {
  reader: Reads;
  siblings: Pick<Siblings, 'hasEnded'>;
  clock: Pick<Clock, 'sleep' | 'after'>;
}

/** Keeps what is known of the runtime true: asks it only for what may have changed. */
export class RuntimeView {
  readonly #cell: PodCell;
  readonly #ports: Ports;
  readonly #again: (id: string) => void;
  /** Ends that were announced and that the runtime still denies: when it is asked again. */
  readonly #late = new Map<string, number>();
  /** `all`: everything must be read; else the containers whose state changed. */
  #stale: 'all' | Set<string>;
  #cutOff = '';

  /** `again` has one container or sandbox looked at, later. */
  constructor(cell: PodCell, ports: Ports, again: (id: string) => void) {
    this.#cell = cell;
    this.#ports = ports;
    this.#again = again;
    // Of a new pod the runtime holds nothing yet.
    this.#stale = cell.state.restored ? 'all' : new Set();
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
    const { pod, state } = this.#cell;
    const read = await this.#ports.reader.pod(pod.metadata.uid!, state.runtime);
    this.#cell.change({ runtime: withoutNetwork(read, this.#cutOff) });
  }

  /** A sandbox's network is lost: it counts as ended, whatever the runtime says of it. */
  cutOff(sandboxId: string): void {
    this.#cutOff = sandboxId;
    this.changed();
  }

  /**
   * Reads one container again: at its place, or as the newest, in the sandbox that is told. A
   * sandbox's own end is a reason to read everything.
   */
  async reread(id: string, sandboxId?: string): Promise<void> {
    if (this.#cell.state.runtime.sandboxes.some((s) => s.id === id)) {
      await this.#lagged(
        id,
        () => this.readAll(),
        () => this.#cell.state.runtime.sandboxes.some((s) => s.id === id && s.ready),
      );
      return;
    }
    let container: RuntimeContainer | undefined;
    await this.#lagged(
      id,
      async () => void (container = await this.#ports.reader.container(id)),
      () => container?.state === 'running',
    );
    const { runtime } = this.#cell.state;
    const others = runtime.containers.filter((c) => c.id !== id);
    const before = runtime.containers.find((c) => c.id === id);
    if (container) container = { ...container, sandboxId: sandboxId ?? before?.sandboxId ?? '' };
    const containers = container
      ? [...others, container].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      : others;
    this.#cell.change({ runtime: { ...runtime, containers } });
  }

  /** The event of an end overtakes the runtime's own bookkeeping, mostly by some milliseconds. */
  async #lagged(id: string, read: () => Promise<void>, runs: () => boolean): Promise<void> {
    const { siblings, clock } = this.#ports;
    const lags = (): boolean => runs() && siblings.hasEnded(id);
    await read();
    for (let tries = 0; lags() && !this.#late.has(id) && tries < mostLagLooks; tries++) {
      await clock.sleep('pod.exit', lagLookMs);
      await read();
    }
    if (!lags()) return void this.#late.delete(id);
    const ms = this.#late.get(id) ?? firstLateMs;
    this.#late.set(id, Math.min(mostLateMs, ms * 2));
    clock.after('pod.exit', ms, () => this.#again(id));
  }
}
