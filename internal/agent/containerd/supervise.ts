import { IoError, messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Processes } from '../../io/processes.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { realMachine } from '../machine.ts';
import { GrpcError, grpcCode } from '../../io/grpc.ts';
import type { PodSandbox } from '../../wire/cri/cri.ts';
import { connectRuntime, type CallObserver, type Runtime } from '../cri/client.ts';
import { containerdConfig, type ContainerdPaths } from './config.ts';
import { damageIn } from './damage.ts';
import { askMs, hungAfterMs } from './health.ts';
import { Keeper } from './keeper.ts';
import { keptIds, stopLeftovers } from './leftovers.ts';
import { clearForNew, isOrphaned, type RebuildDoors, type RebuildPlaces } from './rebuild.ts';
import type { Auth } from './registries.ts';
import { releaseStrays, type NetworkPlaces } from './stray-networks.ts';

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
  processes: Processes;
  log: Log;
  called?: CallObserver | undefined;
  /** Something that an operator must hear of. */
  tell(reason: string, message: string): void;
}

export interface SupervisedContainerd {
  socket: string;
  runtime: Runtime;
  /** `ctr` for this containerd and the namespace of pods. */
  ctr: string[];
  /** Somebody lost the connection: see whether the process is there, and start it if not. */
  check(): void;
  /** Resolves when it answers, and nothing runs that it does not know. After each start of it. */
  settle(): Promise<void>;
  /** The process is there and was stopped (SIGSTOP). */
  isStopped(): Promise<boolean>;
  /** It has given no answer for long: ends it the hard way. */
  killHung(): void;
  /** Stops supervising. The process and all containers go on. */
  leave(): void;
}

/** A slow flash card needs this long to open its database after a power cut. */
const readyTimeoutMs = 180_000;
const readyLookMs = 20;
/** One death may be an accident of the disk; the same again is not. */
const deathsOfDamage = 2;
const mostRebuilds = 2;
/** CAP_SYS_RESOURCE: without it nobody may lower an oom_score_adj. */
const capSysResource = 24n;

/** Finds our containerd of an earlier life, or starts one, and resolves when it answers. */
export async function superviseContainerd(
  options: ContainerdOptions,
): Promise<SupervisedContainerd> {
  const paths = pathsOf(options);
  const { disk, spawn } = options;
  for (const dir of [
    paths.root,
    paths.state,
    paths.certsDir,
    paths.cniConfDir,
    `${options.agentDir}/etc`,
  ])
    await disk.makeDir('containerd.dirs', dir, 0o711);
  const version = await runOk(spawn, 'containerd.version', ['containerd', '--version']).catch(
    (cause: unknown) => {
      throw new IoError(`containerd does not run: ${messageOf(cause)}`, {
        op: 'containerd',
        cause,
        hint: 'install the package containerd, or name a socket by --container-runtime-endpoint',
      });
    },
  );
  const major = Number(/\sv?(\d+)\.\d+/.exec(version)?.[1] ?? 1);
  const config = containerdConfig({
    paths,
    major,
    pauseImage: options.pauseImage,
    restrictOomScoreAdj: !(await mayLowerOomScore(disk)),
    snapshotter: options.snapshotter,
    credentials: options.credentials,
    handlers: options.handlers,
  });
  const configFile = `${options.agentDir}/etc/containerd/config.toml`;
  await disk.makeDir('containerd.dirs', `${options.agentDir}/etc/containerd`);
  const before = (await disk.readIfThere('containerd.config', configFile))?.toString();
  if (before !== config)
    await disk.writeAtomic('containerd.config', configFile, config, { mode: 0o600 });
  const care = new Care(options, { paths, configFile });
  await care.keeper.start(before !== undefined && before !== config);
  await care.settle();
  const { keeper, runtime, ctr } = care;
  const failed = (error: unknown): void =>
    options.log.error('containerd does not end', { error: messageOf(error) });
  return {
    socket: paths.socket,
    runtime,
    ctr,
    check: () => void keeper.check(),
    settle: () => care.settle(),
    isStopped: () => keeper.isStopped(),
    killHung: () => void keeper.kill().catch(failed),
    leave: () => keeper.leave(),
  };
}

/** Sees that what answers is whole, and alone. */
class Care {
  readonly keeper: Keeper;
  readonly runtime: Runtime;
  readonly ctr: string[];
  readonly #options: ContainerdOptions;
  readonly #doors: RebuildDoors;
  readonly #places: RebuildPlaces;
  readonly #networks: NetworkPlaces;

  constructor(
    options: ContainerdOptions,
    { paths, configFile }: { paths: ContainerdPaths; configFile: string },
  ) {
    this.#options = options;
    this.#doors = { ...options, ...realMachine(options) };
    this.#places = { ...paths, podsDir: `${options.agentDir}/pods` };
    this.#networks = { ...paths, runDir: options.runDir };
    this.ctr = ['ctr', '--address', paths.socket, '--namespace', 'k8s.io'];
    this.runtime = connectRuntime(paths.socket, options.log, options.called);
    this.keeper = new Keeper({
      ...options,
      configFile,
      pidFile: `${options.runDir}/containerd.pid`,
      logFile: `${options.agentDir}/containerd/containerd.log`,
      prepare: () => this.#prepare(),
    });
  }

  async settle(): Promise<void> {
    for (let rebuilds = 0; ; rebuilds++) {
      const damage = await this.#answers();
      if (damage === undefined) break;
      if (rebuilds >= mostRebuilds)
        throw new IoError(`containerd does not come up: ${damage}`, {
          op: 'containerd',
          hint: `see ${this.#options.agentDir}/containerd/containerd.log`,
        });
      if (damage === 'restart') await this.keeper.without(() => Promise.resolve());
      else await this.keeper.without(() => this.#rebuild(`its database is damaged (${damage})`));
    }
    this.keeper.answered();
    const kept = async (): Promise<Set<string>> =>
      keptIds(await this.#listed(), await this.#sandboxes());
    const stopped = await stopLeftovers(this.#doors, this.#places, kept);
    await releaseStrays(this.#doors, this.#networks, kept);
    if (stopped.length > 0)
      this.#options.tell(
        'LeftoverContainersStopped',
        `${stopped.length} sandboxes ran that containerd knew nothing of, or took for ended: ` +
          'they were stopped, and their pods are started again',
      );
  }

  /** All containers and sandboxes, one a line. */
  async #listed(): Promise<string> {
    return await runOk(
      this.#options.spawn,
      'containerd.list',
      [...this.ctr, 'containers', 'list', '--quiet'],
      { timeoutMs: readyTimeoutMs },
    );
  }

  async #sandboxes(): Promise<PodSandbox[]> {
    return (await this.runtime.cri.listPodSandbox({}, { timeoutMs: readyTimeoutMs })).items;
  }

  async #prepare(): Promise<void> {
    if (await isOrphaned(this.#doors, this.#places)) await this.#rebuild('its database is gone');
  }

  async #rebuild(why: string): Promise<void> {
    const { log, tell } = this.#options;
    log.error(
      'containerd starts over: images are imported or pulled again, and pods are started again',
      { why },
    );
    const { stopped, aside } = await clearForNew(this.#doors, this.#places);
    tell(
      'ContainerRuntimeRebuilt',
      `containerd starts over: ${why}. ${stopped} sandboxes were stopped, images are ` +
        `imported or pulled again; what was left of the database is in ${aside}`,
    );
  }

  /**
   * Resolves with undefined when it answers; else with what is damaged, or `restart` when nobody
   * can say what it said.
   */
  async #answers(): Promise<string | undefined> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + readyTimeoutMs;
    let silentMs = clock.monotonicMs();
    for (;;) {
      try {
        await this.runtime.cri.version({}, { timeoutMs: askMs });
        return undefined;
      } catch (error) {
        // The socket is there before the CRI service has read what it left on the disk.
        const lacking = messageOf(error).includes('unknown service');
        const dying = this.keeper.deaths >= deathsOfDamage;
        const damage = lacking || dying ? damageIn(await this.keeper.said(), dying) : undefined;
        if (damage) return damage;
        if (lacking && !this.keeper.known) return 'restart';
        if (lacking || clock.monotonicMs() > deadline) throw error;
        const hangs = error instanceof GrpcError && error.grpcCode === grpcCode.deadlineExceeded;
        if (!hangs) silentMs = clock.monotonicMs();
        else if (clock.monotonicMs() - silentMs > hungAfterMs) await this.keeper.kill();
        await clock.sleep('containerd.ready', readyLookMs);
      }
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
