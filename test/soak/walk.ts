import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../e2e/node.ts';
import type { Fault } from './faults/fault.ts';
import { faults } from './faults/index.ts';
import { Machine } from './ground.ts';
import { Rng } from './rng.ts';
import { complaints, type Wanted } from './truth.ts';
import { Writer } from './writer.ts';
import { job, namespace, staticPod, workload } from './workload.ts';

export interface WalkOptions {
  seed: number;
  nodes: number;
  /** How long a fault may take to heal. */
  healSeconds: number;
  only: string[] | undefined;
  /** How many faults; without it, as many as there is time for. */
  count: number | undefined;
  /** A client writes meanwhile. */
  writes: boolean;
  say(line: string): void;
}

const upSeconds = 90;
const lateSeconds = 90;
const shownComplaints = 12;
/** A fault that takes longer to heal tells what was waited for. */
const slowSeconds = 10;

/** A random walk of faults over one cluster; after one that does not heal, over a new cluster. */
export class Walk {
  readonly #options: WalkOptions;
  readonly #faults: Fault[];
  #machines: Machine[] = [];
  #page = 'first';
  #pages = 0;
  #jobs = 0;
  #writer: Writer | undefined;

  constructor(options: WalkOptions) {
    this.#options = options;
    const wanted = options.only;
    const other = options.nodes > 1 ? 'alone' : 'several';
    const named = wanted?.map((name) => faults.find((f) => f.name === name)) ?? faults;
    this.#faults = named.filter((f) => f !== undefined && f.only !== other) as Fault[];
    const unknown = wanted?.filter((name) => !faults.some((f) => f.name === name)) ?? [];
    if (this.#faults.length === 0 || unknown.length > 0)
      throw new Error(
        `no such fault: ${unknown.join()}; there are ${faults.map((f) => f.name).join(', ')}`,
      );
  }

  async go(forMs: number): Promise<{ faults: number; unhealed: number }> {
    const { seed, say } = this.#options;
    const until = performance.now() + forMs;
    let [count, unhealed] = [0, 0];
    // With faults that were named, each is tried at least once.
    const least = this.#options.only ? this.#faults.length : 1;
    const order = new Rng(seed);
    let deck: Fault[] = [];
    say(`seed ${seed}, ${this.#options.nodes} node(s)`);
    try {
      await this.#begin();
      const goesOn = (): boolean =>
        this.#options.count === undefined
          ? count < least || performance.now() < until
          : count < this.#options.count;
      for (let step = seed; goesOn(); step++) {
        // Like cards, so that each comes once before one comes twice.
        if (deck.length === 0)
          deck = this.#options.only ? [...this.#faults] : order.shuffled(this.#faults);
        count++;
        if (!(await this.#step(step, deck.shift() as Fault, new Rng(step)))) unhealed++;
      }
    } finally {
      await this.#writer?.stop();
      this.end();
    }
    return { faults: count, unhealed };
  }

  end(keepLogsAs?: string): void {
    for (const machine of this.#machines) machine.end(keepLogsAs);
    this.#machines = [];
  }

  get #wanted(): Wanted {
    return {
      machines: this.#machines,
      page: this.#page,
      job: this.#jobs > 0 ? `job-${this.#jobs}` : undefined,
      writer: this.#writer,
    };
  }

  /** A new cluster in which all is well. */
  async #begin(): Promise<void> {
    await this.#writer?.stop();
    this.#writer = undefined;
    this.end();
    [this.#page, this.#jobs] = ['first', 0];
    run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    const { nodes } = this.#options;
    const first = new Machine('one', nodes > 1 ? ['--cluster-init'] : []);
    this.#machines = [first];
    await first.start({ staticPod });
    await this.#reach(
      'the first server answers',
      () => first.kubectl(['get', '--raw', '/readyz']).stdout === 'ok',
    );
    if (nodes > 1) {
      const token = first.sh('cat /var/lib/skiff/server/token').trim();
      for (const name of ['two', 'three', 'four', 'five'].slice(0, nodes - 1)) {
        const machine = new Machine(name, [
          '--server',
          `https://${first.ip}:6443`,
          '--token',
          token,
        ]);
        this.#machines.push(machine);
        await machine.start({ staticPod });
        await this.#reach(
          `${name} answers`,
          () => machine.kubectl(['get', '--raw', '/readyz']).stdout === 'ok',
        );
      }
    }
    await this.#reach(
      'the workload is taken',
      () => first.kubectl(['apply', '-f', '-'], { input: workload }).code === 0,
    );
    const { left } = await this.#heal(upSeconds);
    if (left.length > 0) throw new Error(`the cluster never stood:\n  ${left.join('\n  ')}`);
    if (!this.#options.writes) return;
    this.#writer = new Writer(this.#machines);
    this.#writer.start();
  }

  async #reach(what: string, reached: () => boolean): Promise<void> {
    for (let tries = 0; tries < upSeconds * 2; tries++) {
      if (reached()) return;
      await sleep(500);
    }
    throw new Error(`not reached: ${what}`);
  }

  async #step(step: number, fault: Fault, rng: Rng): Promise<boolean> {
    const { say, healSeconds } = this.#options;
    const machine = rng.of(this.#machines) as Machine;
    this.#newJob();
    await sleep(rng.between(0, 2000));
    const scene = {
      machine,
      rng,
      sleep: async (ms: number) => void (await sleep(ms)),
      machines: this.#machines,
      turnPage: () => this.#turnPage(),
    };
    const hit = await fault.run(scene);
    const where = this.#machines.length > 1 ? ` on ${machine.name}` : '';
    const told = `--seed ${step}  ${fault.name}${where}${hit ? ` (${hit})` : ''}`;
    const { seconds, left, last } = await this.#heal(healSeconds);
    if (left.length === 0) {
      const kept = this.#writer ? `, ${this.#writer.acknowledged} writes kept` : '';
      say(`healed  ${seconds.toFixed(1).padStart(5)} s  ${told}${kept}`);
      if (seconds > slowSeconds) for (const line of last.slice(0, 3)) say(`    at last: ${line}`);
      if (!(await this.#freshen())) await this.#begin();
      return true;
    }
    say(`NOT HEALED in ${healSeconds} s  ${told}`);
    for (const line of left.slice(0, shownComplaints)) say(`    ${line}`);
    const late = await this.#heal(lateSeconds);
    say(
      late.left.length === 0
        ? `    healed after ${(healSeconds + late.seconds).toFixed(0)} s`
        : `    still so after ${healSeconds + lateSeconds} s: ${late.left.slice(0, 3).join('; ')}`,
    );
    await this.#writer?.stop();
    this.end(join(import.meta.dirname, 'logs', `${step}-${fault.name}`));
    await this.#begin();
    return false;
  }

  /**
   * Waits until there is nothing to complain of, twice in a row; `last` is what was complained of
   * at the end.
   */
  async #heal(seconds: number): Promise<{ seconds: number; left: string[]; last: string[] }> {
    const began = performance.now();
    let wellSince: number | undefined;
    let last: string[] = [];
    for (;;) {
      const left = await complaints(this.#wanted);
      const now = (performance.now() - began) / 1000;
      if (left.length === 0 && wellSince !== undefined) return { seconds: wellSince, left, last };
      wellSince = left.length === 0 ? now : undefined;
      if (left.length > 0) last = left;
      if (now > seconds && left.length > 0) return { seconds: now, left, last };
      await sleep(500);
    }
  }

  #newJob(): void {
    const machine = this.#machines[0] as Machine;
    if (this.#jobs > 0)
      machine.kubectl(['-n', namespace, 'delete', 'job', `job-${this.#jobs}`, '--wait=false']);
    if (machine.kubectl(['create', '-f', '-'], { input: job(this.#jobs + 1) }).code === 0)
      this.#jobs++;
  }

  #turnPage(): void {
    const page = `page-${++this.#pages}`;
    const patch = JSON.stringify({ data: { 'index.html': page } });
    for (const machine of this.#machines) {
      if (
        machine.kubectl([
          '-n',
          namespace,
          'patch',
          'configmap',
          'page',
          '--type=merge',
          '-p',
          patch,
        ]).code !== 0
      )
        continue;
      this.#page = page;
      return;
    }
  }

  /**
   * Pods whose containers were started again are made again, or their back-off would make the next
   * fault look slow; what failed is taken away.
   */
  async #freshen(): Promise<boolean> {
    const machine = this.#machines[0] as Machine;
    const format =
      '{range .items[*]}{.metadata.name} {.status.phase} ' +
      '{.status.containerStatuses[0].restartCount}{"\\n"}{end}';
    const pods = machine
      .kubectl(['-n', namespace, 'get', 'pods', '-o', `jsonpath=${format}`])
      .stdout.trim()
      .split('\n')
      .map((line) => line.split(' '));
    const stale = pods
      .filter(([, phase, restarts]) => phase === 'Failed' || Number(restarts ?? 0) > 1)
      .map(([name]) => name as string);
    if (stale.length === 0) return true;
    machine.kubectl(['-n', namespace, 'delete', 'pod', '--wait=false', ...stale]);
    return (await this.#heal(upSeconds)).left.length === 0;
  }
}
