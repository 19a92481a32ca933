import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { refs } from '../../internal/client/refs.ts';
import type { Log } from '../../internal/io/log.ts';
import { Cluster } from './cluster.ts';
import { disturbances, type Scene } from './disturbances.ts';
import { mostPods, namespace, Operator } from './operator.ts';
import { unsettled } from './settled.ts';
import { Truth } from './truth.ts';

export interface Options {
  seed: number;
  /** Simulated hours in all. */
  hours: number;
  nodes?: number;
  /** How far disturbances are apart, on average. */
  gapMs?: number;
  log: Log;
}

export interface Report {
  hours: number;
  disturbances: number;
  /** The longest that the cluster took to be as it should after the last disturbance. */
  slowestMs: number;
}

/** A rule was broken. The message has the seed and what was done. */
class BrokenRule extends Error {}

const hourMs = 3_600_000;
const defaultGapMs = 240_000;
/** So many disturbances follow each other before the cluster is left in peace. */
const inARow = 12;
/**
 * Pods of a node that is lost are given up after 5 minutes (tolerations), crashing containers wait
 * for as long.
 */
const peaceMs = 20 * 60_000;
/** A node that is gone is noticed after some 40 s, and its pods are not ready from then on. */
const calmMs = 60_000;
const firstStartMs = 10 * 60_000;

/** A cluster to which things happen by chance. */
export class World implements Scene {
  readonly cluster: Cluster;
  readonly truth: Truth;
  readonly operator: Operator;
  /** What was asked for last. */
  readonly wanted = { web: 2, api: 2, db: 2 };
  readonly done: string[] = [];
  readonly #options: Options;
  /** Since when nothing was done that may take a pod's readiness. */
  #calmSince = 0;
  #busy = 0;

  constructor(options: Options) {
    this.#options = options;
    this.cluster = new Cluster(options.seed, options.log);
    this.truth = new Truth(this.cluster);
    this.operator = new Operator(this);
  }

  /** No pod was disturbed for so long that every status has come through. */
  get calm(): boolean {
    return this.cluster.time.monotonicMs() - this.#calmSince > calmMs;
  }

  rough(): void {
    this.#calmSince = this.cluster.time.monotonicMs();
  }

  /** Something that takes its time; a quiet cluster waits for its end. */
  begin(work: Promise<unknown>): void {
    this.#busy += 1;
    void work
      .catch((error: unknown) => this.truth.failed('what was begun', error))
      .finally(() => void (this.#busy -= 1));
  }

  async addMachine(): Promise<void> {
    this.truth.watch(await this.cluster.addMachine());
  }

  /** `stays`: the cluster goes on, for whoever wants to look at it. */
  async run({ stays = false } = {}): Promise<Report> {
    const { cluster, truth } = this;
    const { hours, nodes = 3 } = this.#options;
    const report: Report = { hours, disturbances: 0, slowestMs: 0 };
    try {
      cluster.startServer();
      for (let n = 0; n < nodes; n++) await this.addMachine();
      this.begin(this.operator.settle());
      await this.#peace(firstStartMs);
      while (cluster.time.monotonicMs() < hours * hourMs) {
        for (let n = 0; n < inARow; n++) await this.#disturb(report);
        report.slowestMs = Math.max(report.slowestMs, await this.#peace(peaceMs));
      }
    } finally {
      if (!stays) cluster.end();
    }
    if (truth.broken.length > 0) this.#fail(truth.broken);
    return report;
  }

  async #disturb(report: Report): Promise<void> {
    const { cluster, truth } = this;
    const { gapMs = defaultGapMs } = this.#options;
    const share = -Math.log(1 - cluster.random.int(1_000_000) / 1_000_000);
    await cluster.time.advance(Math.round(gapMs * share));
    const chosen = disturbances.pick(cluster.random);
    const atSeconds = Math.round(cluster.time.monotonicMs() / 1000);
    const what = await chosen.happen(this);
    if (what !== undefined) this.done.push(`${atSeconds}s ${chosen.name} ${what}`);
    report.disturbances += 1;
    if (cluster.server) {
      const pods = cluster.store<Pod>(refs.pods);
      truth.quota(
        pods.filter((p) => p.metadata.namespace === namespace),
        mostPods,
      );
    }
    if (truth.broken.length > 0) this.#fail(truth.broken);
  }

  /** Everything is mended; resolves with how long the cluster took to be as it should. */
  async #peace(mostMs: number): Promise<number> {
    const { cluster, truth } = this;
    for (const machine of cluster.machines.values()) {
      machine.link.setCut(false);
      machine.runtime.failures = 0;
      if (!machine.powered) this.begin(machine.powerOn());
      else machine.startAgent();
    }
    cluster.serverDisk.failures = 0;
    cluster.startServer();
    const began = cluster.time.monotonicMs();
    let left: string[] = [];
    const settled = await cluster.until(async () => {
      left = this.#busy > 0 ? ['the operator is not done'] : await unsettled(cluster);
      return left.length === 0;
    }, mostMs);
    if (!settled) this.#fail([`not settled after ${mostMs / 60_000} minutes:`, ...left]);
    truth.check(this.#notes());
    if (truth.broken.length > 0) this.#fail(truth.broken);
    return cluster.time.monotonicMs() - began;
  }

  #notes(): Map<string, number> {
    const all = this.cluster.store<{
      metadata: { name: string; namespace: string };
      data?: object;
    }>(refs.configMaps);
    return new Map(
      all.flatMap(({ metadata, data }) => {
        const number = Number((data as Record<string, string> | undefined)?.['number']);
        return metadata.namespace === namespace && number > 0 ? [[metadata.name, number]] : [];
      }),
    );
  }

  #fail(what: string[]): never {
    const { seed, hours } = this.#options;
    throw new BrokenRule(
      [
        `seed ${seed}, after ${(this.cluster.time.monotonicMs() / hourMs).toFixed(2)} hours:`,
        ...what.slice(0, 20),
        'what was done last:',
        ...this.done.slice(-inARow - 4),
        `again: node test/simulation/run.ts --seed ${seed} --hours ${hours}`,
      ].join('\n  '),
    );
  }
}
