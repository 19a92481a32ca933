import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './ground.ts';
import { namespace, volumeFile } from './workload.ts';

const everyMs = 700;
const name = 'ledger';
const shown = 5;

/**
 * A client that writes all the time, whatever happens, through whichever server answers: keys of a
 * ConfigMap, and lines of a file on the volume of a StatefulSet's pod. It keeps in mind what was
 * acknowledged.
 */
export class Writer {
  readonly #machines: readonly Machine[];
  readonly #inApi = new Set<number>();
  readonly #onVolume = new Set<number>();
  #next = 0;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(machines: readonly Machine[]) {
    this.#machines = machines;
  }

  get acknowledged(): number {
    return this.#inApi.size + this.#onVolume.size;
  }

  start(): void {
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const n = this.#next++;
      const machine = this.#machines[n % this.#machines.length] as Machine;
      // A machine that is off is no reason to end.
      const [api, volume] = await Promise.all([
        this.#asked(machine, this.#toApi(n)),
        this.#asked(machine, this.#toVolume(n)),
      ]);
      if (api !== undefined) this.#inApi.add(n);
      if (volume !== undefined) this.#onVolume.add(n);
      await sleep(everyMs);
    }
  }

  #toApi(n: number): string[] {
    const patch = JSON.stringify({ data: { [`n${n}`]: 'written' } });
    return ['-n', namespace, 'patch', 'configmap', name, '--type=merge', '-p', patch];
  }

  #toVolume(n: number): string[] {
    const script = `echo n${n} >> ${volumeFile} && sync`;
    return ['-n', namespace, 'exec', 'db-0', '--', 'sh', '-c', script];
  }

  /** What came back, when the call succeeded. */
  async #asked(machine: Machine, args: string[]): Promise<string | undefined> {
    try {
      const done = await machine.kubectlBeside(['--request-timeout=8s', ...args]);
      return done.code === 0 ? done.stdout : undefined;
    } catch {
      return undefined;
    }
  }

  /** What was acknowledged and is not there. */
  async complaints(): Promise<string[]> {
    const [machine] = this.#machines as [Machine];
    // What is acknowledged while we look need not be seen.
    const [inApi, onVolume] = [[...this.#inApi], [...this.#onVolume]];
    const [object, file] = await Promise.all([
      this.#asked(machine, ['-n', namespace, 'get', 'configmap', name, '-o', 'json']),
      this.#asked(machine, ['-n', namespace, 'exec', 'db-0', '--', 'cat', volumeFile]),
    ]);
    return [
      ...lost('the API', inApi, object && dataOf(object)),
      ...lost('the volume of db-0', onVolume, file && new Set(file.split('\n'))),
    ];
  }
}

const dataOf = (text: string): Set<string> =>
  new Set(Object.keys((JSON.parse(text) as { data?: object }).data ?? {}));

function lost(where: string, written: number[], there: Set<string> | '' | undefined): string[] {
  if (!there) return written.length > 0 ? [`${where} does not say what was written`] : [];
  const missing = written.filter((n) => !there.has(`n${n}`));
  return missing.length > 0
    ? [`${where} has LOST ${missing.length} acknowledged writes: ${missing.slice(0, shown).join()}`]
    : [];
}
