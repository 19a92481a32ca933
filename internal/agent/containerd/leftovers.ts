import { basename } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Mounts } from '../../io/mounts.ts';
import type { ProcessInfo, Processes } from '../../io/processes.ts';
import type { Spawn } from '../../io/spawn.ts';
import { PodSandboxState } from '../../wire/cri/cri.ts';
import { releaseNetworks } from './release-networks.ts';

export interface LeftoverDoors {
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  processes: Processes;
  mounts: Mounts;
  log: Log;
}

export interface LeftoverPlaces {
  /** Of our containerd: it stands among the arguments of each of its shims. */
  socket: string;
  /** containerd's state directory. */
  state: string;
  cniBinDir: string;
}

const namespace = 'k8s.io';
/**
 * runc keeps its notes here whatever containerd is told; ids are unique, so other runtimes' are
 * never touched.
 */
const runcDir = `/run/containerd/runc/${namespace}`;
/** Programs that were asked to end get this long. */
const graceMs = 10_000;
const killedWithinMs = 10_000;
const lookMs = 50;

/** A process that keeps the containers of one sandbox. */
export interface Shim {
  id: string;
  pid: number;
}

/** The shims of the containerd at `socket`, by their arguments. */
export function shimsOf(all: readonly ProcessInfo[], socket: string): Shim[] {
  return all.flatMap(({ pid, command }) => {
    if (!/^containerd-shim-[\w-]+$/.test(basename(command[0] ?? ''))) return [];
    const argument = (name: string): string | undefined =>
      command[command.indexOf(`-${name}`) + 1 || Infinity];
    const id = argument('id');
    const ours =
      argument('namespace') === namespace &&
      argument('address')?.replace(/^unix:\/\//, '') === socket;
    return ours && id !== undefined && /^[\w.-]+$/.test(id) ? [{ id, pid }] : [];
  });
}

/** Every process below `pid`, itself not counted. */
export function below(all: readonly ProcessInfo[], pid: number): number[] {
  const children = all.filter((p) => p.parent === pid).map((p) => p.pid);
  return [...children, ...children.flatMap((child) => below(all, child))];
}

/**
 * The ids that containerd keeps: all containers and sandboxes that it has (`listed`, one a line),
 * those too that are being made, without the sandboxes that it takes for ended. When it dies while
 * it makes one, the first process is there and not begun: from then on containerd calls the sandbox
 * not ready, neither stops nor ends it, and forgets it when it is removed.
 */
export function keptIds(
  listed: string,
  sandboxes: readonly { id: string; state: PodSandboxState }[],
): Set<string> {
  const kept = new Set(listed.split('\n').filter(Boolean));
  for (const { id, state } of sandboxes)
    if (state !== PodSandboxState.SANDBOX_READY) kept.delete(id);
  return kept;
}

/**
 * Ends the containers that our containerd has started once and keeps no more, by their shims:
 * nobody would ever end them, and their pods are started again. `known` lists the ids that it
 * keeps; it is asked after the processes, because a container is known before its shim is started.
 * Returns the ids of the sandboxes that were ended.
 */
export async function stopLeftovers(
  doors: LeftoverDoors,
  places: LeftoverPlaces,
  known: () => Promise<ReadonlySet<string>>,
): Promise<string[]> {
  const found = await ownShims(doors, places);
  if (found.length === 0) return [];
  const ids = await known();
  const strangers = found.filter((shim) => !ids.has(shim.id));
  if (strangers.length === 0) return [];
  doors.log.warn('stopping containers that containerd keeps no more', {
    sandboxes: strangers.map((s) => s.id),
  });
  const inits = await endProcesses(doors, strangers, places.socket);
  const gone = new Set(strangers.map((s) => s.id));
  const all = new Set(gone);
  try {
    await forgetRunc(doors.disk, inits, all);
    await releaseNetworks(doors, places.cniBinDir, gone);
    for (const id of all)
      await removeBundle(doors, `${places.state}/io.containerd.runtime.v2.task/${namespace}/${id}`);
  } catch (error) {
    // They are dead, which is what counts: what they leave on the disk harms nobody.
    doors.log.warn('traces of former containers stay', { error: messageOf(error) });
  }
  return [...gone];
}

/** In our view of the files only: a node in a container has the same paths. */
async function ownShims({ processes }: LeftoverDoors, places: LeftoverPlaces): Promise<Shim[]> {
  const view = await processes.mountNamespace(process.pid);
  const found: Shim[] = [];
  for (const shim of shimsOf(await processes.list('leftovers'), places.socket))
    if ((await processes.mountNamespace(shim.pid)) === view) found.push(shim);
  return found;
}

/**
 * SIGTERM to the first process of each container, SIGKILL to whatever is left after a while, the
 * shims last. Returns the first processes.
 */
async function endProcesses(
  doors: LeftoverDoors,
  shims: Shim[],
  socket: string,
): Promise<Set<number>> {
  const { processes } = doors;
  const pids = new Set(shims.map((s) => s.pid));
  const all = await processes.list('leftovers');
  const inits = all.filter((p) => pids.has(p.parent)).map((p) => p.pid);
  for (const pid of inits) processes.kill('leftovers', pid, 'SIGTERM');
  await gone(doors, inits, graceMs);
  const rest = await stopAll(doors, pids, socket);
  for (const pid of rest) processes.kill('leftovers', pid, 'SIGKILL');
  await gone(doors, [...rest], killedWithinMs);
  return new Set(inits);
}

/**
 * Stops the shims and all below them, those too that are begun meanwhile: what begins while its
 * parent is killed would be nobody's.
 */
async function stopAll(
  { processes }: LeftoverDoors,
  shims: ReadonlySet<number>,
  socket: string,
): Promise<Set<number>> {
  const seen = new Set<number>();
  for (;;) {
    const now = await processes.list('leftovers');
    // A number that another program has taken meanwhile is none of them any more.
    const all = shimsOf(now, socket).flatMap(({ pid }) =>
      shims.has(pid) ? [pid, ...below(now, pid)] : [],
    );
    const fresh = all.filter((pid) => !seen.has(pid));
    if (fresh.length === 0) return seen;
    for (const pid of fresh) {
      seen.add(pid);
      processes.kill('leftovers', pid, 'SIGSTOP');
    }
  }
}

async function gone(
  { processes, clock }: LeftoverDoors,
  pids: number[],
  withinMs: number,
): Promise<void> {
  const end = clock.monotonicMs() + withinMs;
  const lives = async (): Promise<boolean> => {
    if (!pids.some((pid) => processes.alive(pid))) return false;
    // One that only waits for its parent to take notice has no command any more.
    const all = await processes.list('leftovers');
    return all.some((p) => pids.includes(p.pid) && p.command.length > 0);
  };
  while ((await lives()) && clock.monotonicMs() < end) await clock.sleep('leftovers', lookMs);
}

/** runc's notes of containers whose first process was one of these. */
async function forgetRunc(disk: Disk, inits: ReadonlySet<number>, ids: Set<string>): Promise<void> {
  for (const id of await disk.list('leftovers', runcDir)) {
    const bytes = await disk
      .readIfThere('leftovers', `${runcDir}/${id}/state.json`)
      .catch(() => undefined);
    const first = Number(/"init_process_pid":(\d+)/.exec(bytes?.toString() ?? '')?.[1] ?? 0);
    if (!ids.has(id) && !inits.has(first)) continue;
    ids.add(id);
    await disk.remove('leftovers', `${runcDir}/${id}`);
  }
}

async function removeBundle({ mounts, disk }: LeftoverDoors, bundle: string): Promise<void> {
  for (const point of await mounts.below('leftovers', bundle))
    await mounts.unmount('leftovers', point);
  await disk.remove('leftovers', bundle);
}
