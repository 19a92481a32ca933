import { IoError, messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { connectRuntime, type Runtime } from '../cri/client.ts';
import { containerdConfig, type ContainerdPaths } from './config.ts';
import type { Auth } from './registries.ts';

export interface ContainerdOptions {
  /** `<data-dir>/agent`. */
  agentDir: string;
  /** `/run/skiff`. */
  runDir: string;
  cniBinDir: string;
  cniConfDir: string;
  pauseImage: string;
  snapshotter: string;
  credentials: ReadonlyMap<string, Auth>;
  handlers: Record<string, string | undefined>;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
}

export interface SupervisedContainerd {
  socket: string;
  runtime: Runtime;
  /** `ctr` for this containerd and the namespace of pods. */
  ctr: string[];
  /** Somebody lost the connection: see whether the process is there, and start it if not. */
  check(): void;
  /** Stops supervising. The process and all containers go on. */
  leave(): void;
}

const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** A slow flash card needs this long to open its database after a power cut. */
const readyTimeoutMs = 60_000;
const readyLookMs = 10;
const largestLogBytes = 10 * 1024 * 1024;
/** CAP_SYS_RESOURCE: without it nobody may lower an oom_score_adj. */
const capSysResource = 24n;

/** Finds our containerd of an earlier life, or starts one, and resolves when it answers. */
export async function superviseContainerd(options: ContainerdOptions): Promise<SupervisedContainerd> {
  const paths = pathsOf(options);
  const { disk, spawn } = options;
  for (const dir of [paths.root, paths.state, paths.certsDir, paths.cniConfDir, `${options.agentDir}/etc`]) await disk.makeDir('containerd.dirs', dir, 0o711);
  const version = await runOk(spawn, 'containerd.version', ['containerd', '--version']).catch((cause: unknown) => {
    throw new IoError(`containerd does not run: ${messageOf(cause)}`, { op: 'containerd', cause, hint: 'install the package containerd, or name a socket by --container-runtime-endpoint' });
  });
  const major = Number(/\sv?(\d+)\.\d+/.exec(version)?.[1] ?? 1);
  const config = containerdConfig({ paths, major, pauseImage: options.pauseImage, restrictOomScoreAdj: !(await mayLowerOomScore(disk)), snapshotter: options.snapshotter, credentials: options.credentials, handlers: options.handlers });
  const configFile = `${options.agentDir}/etc/containerd/config.toml`;
  await disk.makeDir('containerd.dirs', `${options.agentDir}/etc/containerd`);
  const before = (await disk.readIfThere('containerd.config', configFile))?.toString();
  if (before !== config) await disk.writeAtomic('containerd.config', configFile, config, { mode: 0o600 });
  const keeper = new Keeper(options, { configFile, pidFile: `${options.runDir}/containerd.pid`, logFile: `${options.agentDir}/containerd/containerd.log` });
  await keeper.start(before !== undefined && before !== config);
  const runtime = connectRuntime(paths.socket, options.log);
  await answers(runtime, options.clock);
  return { socket: paths.socket, runtime, ctr: ['ctr', '--address', paths.socket, '--namespace', 'k8s.io'], check: () => void keeper.check(), leave: () => keeper.leave() };
}

/** The socket is there before the CRI service has read what it left on the disk. */
async function answers(runtime: Runtime, clock: Clock): Promise<void> {
  const deadline = clock.monotonicMs() + readyTimeoutMs;
  for (;;) {
    try {
      await runtime.cri.version({}, { waitForReady: true, timeoutMs: readyTimeoutMs });
      return;
    } catch (error) {
      if (!messageOf(error).includes('not initialized') || clock.monotonicMs() > deadline) throw error;
      await clock.sleep('containerd.ready', readyLookMs);
    }
  }
}

function pathsOf(options: ContainerdOptions): ContainerdPaths {
  return {
    root: `${options.agentDir}/containerd`,
    state: `${options.runDir}/containerd`,
    socket: `${options.runDir}/containerd/containerd.sock`,
    certsDir: `${options.agentDir}/etc/containerd/certs.d`,
    cniBinDir: options.cniBinDir,
    cniConfDir: options.cniConfDir,
  };
}

async function mayLowerOomScore(disk: Disk): Promise<boolean> {
  const status = (await disk.readIfThere('containerd.caps', '/proc/self/status'))?.toString() ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> capSysResource) & 1n) === 1n;
}

class Keeper {
  readonly #options: ContainerdOptions;
  readonly #files: { configFile: string; pidFile: string; logFile: string };
  #left = false;
  #restartMs = firstRestartMs;
  #timer: Timer | undefined;
  #checking: Promise<void> | undefined;
  #startedMs = 0;

  constructor(options: ContainerdOptions, files: { configFile: string; pidFile: string; logFile: string }) {
    this.#options = options;
    this.#files = files;
  }

  /** With a changed configuration a running one is replaced; its containers live on in their shims. */
  async start(replace: boolean): Promise<void> {
    const pid = await this.#alive();
    if (pid !== undefined && !replace) return this.#options.log.info('found our containerd running', { pid });
    if (pid !== undefined) await this.#end(pid);
    await this.#spawn();
  }

  leave(): void {
    this.#left = true;
    this.#timer?.cancel();
  }

  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #look(): Promise<void> {
    if (this.#left || this.#timer || (await this.#alive()) !== undefined) return;
    const { clock, log } = this.#options;
    if (clock.monotonicMs() - this.#startedMs > longestRestartMs) this.#restartMs = firstRestartMs;
    log.warn('containerd is gone and will be started again; containers go on', { afterMs: this.#restartMs });
    this.#timer = clock.after('containerd.restart', this.#restartMs, () => {
      this.#timer = undefined;
      if (!this.#left) void this.#spawn().catch((error: unknown) => log.error('containerd does not start', { error: messageOf(error) }));
    });
    this.#restartMs = Math.min(longestRestartMs, this.#restartMs * 2);
  }

  async #spawn(): Promise<void> {
    const { spawn, disk, clock, log } = this.#options;
    const { configFile, pidFile, logFile } = this.#files;
    this.#startedMs = clock.monotonicMs();
    if (((await disk.stat('containerd.log', logFile))?.size ?? 0) > largestLogBytes) await disk.remove('containerd.log', logFile);
    // A session and an output of its own: it must neither hear our signals nor fill a pipe that nobody reads.
    const child = spawn.start('containerd', ['sh', '-c', ': >>"$SKIFF_LOG"; chmod 600 "$SKIFF_LOG"; exec "$0" "$@" >>"$SKIFF_LOG" 2>&1', 'containerd', '--config', configFile], { detached: true, stdio: 'ignore', env: { SKIFF_LOG: logFile } });
    child.on('error', (error) => log.error('containerd does not start', { error: error.message }));
    child.on('exit', () => void this.check());
    child.unref();
    if (child.pid !== undefined) await disk.writeAtomic('containerd.pid', pidFile, `${child.pid}\n`);
    log.info('containerd started', { pid: child.pid });
  }

  /** Its pid, if the process of the pid file is there and is ours. */
  async #alive(): Promise<number | undefined> {
    const { disk } = this.#options;
    const pid = Number((await disk.readIfThere('containerd.pid', this.#files.pidFile))?.toString() ?? 0);
    if (!pid) return undefined;
    const command = (await disk.readIfThere('containerd.pid', `/proc/${pid}/cmdline`))?.toString().split('\0') ?? [];
    const state = /^State:\s+(\w)/m.exec((await disk.readIfThere('containerd.pid', `/proc/${pid}/status`))?.toString() ?? '')?.[1];
    return command.includes(this.#files.configFile) && state !== 'Z' ? pid : undefined;
  }

  async #end(pid: number): Promise<void> {
    const { spawn, clock, log } = this.#options;
    log.info('containerd is restarted for its new configuration', { pid });
    await spawn.run('containerd.end', ['kill', String(pid)]);
    const deadline = clock.monotonicMs() + longestRestartMs;
    while ((await this.#alive()) !== undefined && clock.monotonicMs() < deadline) await clock.sleep('containerd.end', 20);
  }
}
