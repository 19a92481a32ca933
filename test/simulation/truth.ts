import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { messageOf } from '../../internal/base/errors.ts';
import type { Cluster } from './cluster.ts';
import { podOf } from './containerd.ts';
import type { NodeMachine } from './machine.ts';

/** What must hold at every moment, whatever happens. */
export class Truth {
  readonly broken: string[] = [];
  readonly #cluster: Cluster;
  /** The last acknowledged number of each written note, and what may have come after it. */
  readonly #notes = new Map<string, { acknowledged: number; tried: number }>();
  #written = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.serverBegan = (revision) => {
      if (revision < this.#written)
        this.#breaks(`revision ${this.#written} was acknowledged, the server has ${revision}`);
    };
    cluster.acknowledged = (revision) => void (this.#written = Math.max(this.#written, revision));
  }

  #breaks(what: string): void {
    this.broken.push(what);
  }

  /** A pod runs on one node, and no two pods of one name run at once. */
  watch(machine: NodeMachine): void {
    machine.runtime.starting = (_container, sandbox) => {
      const { uid, name } = podOf(sandbox);
      for (const other of this.#cluster.machines.values()) {
        for (const container of other.runtime.running()) {
          const of = other.runtime.sandboxes.find((s) => s.id === container.sandbox)!;
          const running = podOf(of);
          if (running.name !== name || (running.uid === uid && other === machine)) continue;
          this.#breaks(`${name} runs on ${other.name} and starts on ${machine.name}`);
        }
      }
    };
  }

  tried(note: string, number: number): void {
    const known = this.#notes.get(note) ?? { acknowledged: 0, tried: 0 };
    known.tried = Math.max(known.tried, number);
    this.#notes.set(note, known);
  }

  told(note: string, number: number): void {
    const known = this.#notes.get(note)!;
    known.acknowledged = Math.max(known.acknowledged, number);
  }

  lost(note: string): void {
    this.#notes.delete(note);
  }

  /** What the notes say now. */
  check(notes: ReadonlyMap<string, number>): void {
    for (const [note, { acknowledged, tried }] of this.#notes) {
      const has = notes.get(note) ?? 0;
      if (has < acknowledged || has > tried)
        this.#breaks(`note ${note} is ${has}: ${acknowledged} was acknowledged, ${tried} tried`);
    }
  }

  /** No more pods than the quota says. */
  quota(pods: readonly Pod[], most: number): void {
    const counted = pods.filter(({ status: { phase } }) => !/^(Succeeded|Failed)$/.test(phase!));
    if (counted.length > most) this.#breaks(`${counted.length} pods where ${most} are allowed`);
  }

  /** An eviction was granted: so many ready pods are left of those that must be. */
  evicted(pod: string, left: number, least: number): void {
    if (left < least) this.#breaks(`${pod} was evicted: ${left} of at least ${least} are left`);
  }

  failed(what: string, error: unknown): void {
    this.#breaks(`${what}: ${messageOf(error)}`);
  }
}
