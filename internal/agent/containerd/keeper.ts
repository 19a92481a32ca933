import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Processes } from '../../io/processes.ts';
import type { Spawn } from '../../io/spawn.ts';

export interface KeeperOptions {
  configFile: string;
  pidFile: string;
  logFile: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  processes: Processes;
  log: Log;
  /** Before each start: puts in order what a start must not find. */
  prepare(): Promise<void>;
}

const firstRestartMs = 100;
const longestRestartMs = 10_000;
const endWithinMs = 10_000;
const endLookMs = 20;
const largestLogBytes = 10 * 1024 * 1024;
/** A trace of a crash is shorter. */
const mostSaidBytes = 256 * 1024;

/** The process of our containerd: found again, started, restarted, ended. */
export class Keeper {
  readonly #options: KeeperOptions;
  #left = false;
  /** It is down because we want it to be. */
  #held = false;
  #restartMs = firstRestartMs;
  #timer: Timer | undefined;
  #checking: Promise<void> | undefined;
  #startedMs = 0;
  #starting: Promise<void> | undefined;
  #logFrom: number | undefined;
  #deaths = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /**
   * With a changed configuration a running one is replaced; its containers live on in their shims.
   */
  async start(replace: boolean): Promise<void> {
    const pid = await this.alive();
    if (pid !== undefined && !replace)
      return this.#options.log.info('found our containerd running', { pid });
    if (pid !== undefined) {
      this.#options.log.info('containerd is restarted for its new configuration', { pid });
      await this.#end(pid);
    }
    await this.#spawn();
  }

  leave(): void {
    this.#left = true;
    this.#timer?.cancel();
  }

  /** Whether this life of it has been started by us, so that `said` tells all of it. */
  get known(): boolean {
    return this.#logFrom !== undefined;
  }

  /** How often it has died since it last answered. */
  get deaths(): number {
    return this.#deaths;
  }

  /** What it said since its start. */
  async said(): Promise<string> {
    const bytes = await this.#options.disk.readIfThere('containerd.log', this.#options.logFile);
    return (
      bytes
        ?.subarray(this.#logFrom ?? 0)
        .subarray(-mostSaidBytes)
        .toString() ?? ''
    );
  }

  answered(): void {
    this.#deaths = 0;
    this.#restartMs = firstRestartMs;
  }

  /**
   * It has the connection but gives no answer: it is killed, and started again. Containers live on
   * in their shims.
   */
  async kill(): Promise<void> {
    const pid = await this.alive();
    if (pid === undefined) return this.check();
    this.#options.processes.kill('containerd.kill', pid, 'SIGKILL');
    await this.#gone(endWithinMs);
    return this.check();
  }

  /** Ends it, does the work while it is down, and starts it again. */
  async without(work: () => Promise<void>): Promise<void> {
    this.#held = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#starting?.catch(() => undefined);
    try {
      const pid = await this.alive();
      if (pid !== undefined) await this.#end(pid);
      await work();
    } finally {
      this.#held = false;
    }
    await this.#spawn();
  }

  /** Starts it again, after a while, if it is gone. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #look(): Promise<void> {
    if (
      this.#left ||
      this.#held ||
      this.#timer ||
      this.#starting ||
      (await this.alive()) !== undefined
    )
      return;
    if (this.#timer || this.#starting || this.#held) return; // meanwhile
    const { clock, log } = this.#options;
    if (clock.monotonicMs() - this.#startedMs > longestRestartMs) this.#restartMs = firstRestartMs;
    log.warn('containerd is gone and will be started again; containers go on', {
      afterMs: this.#restartMs,
    });
    this.#timer = clock.after('containerd.restart', this.#restartMs, () => {
      this.#timer = undefined;
      if (!this.#left && !this.#held)
        void this.#spawn().catch((error: unknown) =>
          log.error('containerd does not start', { error: messageOf(error) }),
        );
    });
    this.#restartMs = Math.min(longestRestartMs, this.#restartMs * 2);
  }

  /**
   * One at a time, however many ask: what precedes a start may take long, and two would work on the
   * same files.
   */
  #spawn(): Promise<void> {
    this.#starting ??= this.#spawnOnce().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #spawnOnce(): Promise<void> {
    const { spawn, disk, clock, log, configFile, pidFile, logFile } = this.#options;
    await this.#options.prepare();
    this.#startedMs = clock.monotonicMs();
    let size = (await disk.stat('containerd.log', logFile))?.size ?? 0;
    if (size > largestLogBytes) {
      await disk.remove('containerd.log', logFile);
      size = 0;
    }
    this.#logFrom = size;
    // A session and an output of its own: it must neither hear our signals nor fill a pipe that
    // nobody reads.
    const child = spawn.start(
      'containerd',
      [
        'sh',
        '-c',
        ': >>"$SKIFF_LOG"; chmod 600 "$SKIFF_LOG"; exec "$0" "$@" >>"$SKIFF_LOG" 2>&1',
        'containerd',
        '--config',
        configFile,
      ],
      { detached: true, stdio: 'ignore', env: { SKIFF_LOG: logFile } },
    );
    child.on('error', (error) => log.error('containerd does not start', { error: error.message }));
    child.on('exit', () => {
      this.#deaths += 1;
      void this.check();
    });
    child.unref();
    if (child.pid !== undefined)
      await disk.writeAtomic('containerd.pid', pidFile, `${child.pid}\n`);
    log.info('containerd started', { pid: child.pid });
  }

  /** Somebody has stopped the process (SIGSTOP): it will not answer by itself. */
  async isStopped(): Promise<boolean> {
    return (await this.#process())?.state === 'T';
  }

  /** Its pid, if the process of the pid file is there and is ours. */
  async alive(): Promise<number | undefined> {
    return (await this.#process())?.pid;
  }

  async #process(): Promise<{ pid: number; state: string | undefined } | undefined> {
    const { disk, pidFile, configFile } = this.#options;
    const pid = Number((await disk.readIfThere('containerd.pid', pidFile))?.toString() ?? 0);
    if (!pid) return undefined;
    // A process that ends while it is looked at fails the read (ESRCH).
    const of = async (file: string): Promise<string> =>
      (
        await disk.readIfThere('containerd.pid', `/proc/${pid}/${file}`).catch(() => undefined)
      )?.toString() ?? '';
    const command = (await of('cmdline')).split('\0');
    const state = /^State:\s+(\w)/m.exec(await of('status'))?.[1];
    return command.includes(configFile) && state !== 'Z' ? { pid, state } : undefined;
  }

  /** One that does not hear is killed: two at once on the same files would be worse. */
  async #end(pid: number): Promise<void> {
    const { processes } = this.#options;
    processes.kill('containerd.end', pid, 'SIGTERM');
    if (await this.#gone(endWithinMs)) return;
    processes.kill('containerd.end', pid, 'SIGKILL');
    await this.#gone(endWithinMs);
  }

  async #gone(withinMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + withinMs;
    while ((await this.alive()) !== undefined) {
      if (clock.monotonicMs() > deadline) return false;
      await clock.sleep('containerd.end', endLookMs);
    }
    return true;
  }
}
