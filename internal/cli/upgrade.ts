import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { refs } from '../client/refs.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { sha256File } from '../io/file-sum.ts';
import { realHost } from '../io/host.ts';
import { realProcesses } from '../io/processes.ts';
import { realSpawn } from '../io/spawn.ts';
import { askOperator, type About } from '../supervisor/operator-socket.ts';
import { checkSkew, putOnTrial, versionOf } from '../supervisor/upgrade/begin.ts';
import { runningBefore } from '../supervisor/upgrade/judge.ts';
import {
  readOutcome,
  readTrial,
  rejectTrial,
  type Before,
  type Outcome,
} from '../supervisor/upgrade/trial.ts';
import { clientOf } from './kube-client.ts';
import { isAgent, upgradeAgent } from './upgrade-agent.ts';
import { withExecutable, type SourceArguments } from './upgrade-source.ts';

const op = 'upgrade';
const looksEveryMs = 200;
/** The guard, the old version's start, and its words. */
const returnsWithinMs = 90_000;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

export interface UpgradeArguments extends SourceArguments {
  dataDir: string;
  timeout: string;
  /** For install.sh, which starts the service itself. */
  prepare?: boolean;
}

/**
 * `skiff upgrade [FILE|VERSION]`: the new executable on trial, and back when it does not prove
 * itself.
 */
export async function upgrade(what: string | undefined, options: UpgradeArguments): Promise<void> {
  if (!realHost.isRoot())
    throw new ConfigError('only root can do this', { op, hint: 'run it with sudo' });
  const { dataDir, program } = options;
  const waitSeconds = Number(options.timeout);
  if (!Number.isInteger(waitSeconds) || waitSeconds < 10)
    throw new ConfigError('--timeout: a number of seconds, 10 or more, is meant', { op });
  if ((await realDisk.stat(op, program)) === undefined)
    throw new ConfigError(`${program} is not there`, { op, hint: 'name it: --program' });
  if (await readTrial(realDisk, dataDir))
    throw new ConfigError('an upgrade is on trial already', {
      op,
      hint: 'wait until it has ended',
    });
  await withExecutable(what, options, (file) => replace(file, waitSeconds, options));
}

async function replace(
  file: string,
  waitSeconds: number,
  options: UpgradeArguments,
): Promise<void> {
  const { dataDir, program } = options;
  if ((await sha256File(op, file)) === (await sha256File(op, program)))
    return say(`${program} is this version already`);
  if (options.prepare !== true && (await isAgent(dataDir)))
    return await upgradeAgent({
      file,
      program,
      dataDir,
      waitSeconds,
      restart: restartService,
      say,
    });
  const [from, to] = [await versionOf(realSpawn, program), await versionOf(realSpawn, file)];
  checkSkew(from, to);
  const about = await askOperator(dataDir, 'GET /about', undefined);
  const { snapshot, before } = about
    ? await takeStock(dataDir, about, to.skiff)
    : { snapshot: undefined, before: [] };
  if (!about) say('no server runs here: there is no snapshot, and the next start is judged');
  const doors = { disk: realDisk, spawn: realSpawn };
  const begin = { ...doors, file, program, dataDir, from, to, snapshot, before, waitSeconds };
  await putOnTrial(begin);
  say(`${to.skiff} is on trial in the place of ${from.skiff}`);
  if (options.prepare === true || !about) return;
  await restartService(about.pid);
  report(await outcome(dataDir, waitSeconds * 1000));
}

/** A snapshot of the store, and what runs on this node. */
async function takeStock(
  dataDir: string,
  about: About,
  to: string,
): Promise<{ snapshot: string | undefined; before: Before[] }> {
  const prefix = `before-${/^v([\w.-]+)/.exec(to)?.[1] ?? 'upgrade'}`;
  const request = { prefix, compress: false, retention: 2 };
  const file = await askOperator(dataDir, 'POST /snapshots', request).catch((error: unknown) => {
    say(`no snapshot: ${messageOf(error)}`);
    return undefined;
  });
  if (file) say(`snapshot ${file.path}`);
  if (!about.agent) return { snapshot: file?.path, before: [] };
  const client = await clientOf(about.kubeconfig);
  try {
    const { items } = await client.list<Pod>(refs.pods, {
      fieldSelector: `spec.nodeName=${about.node}`,
    });
    return { snapshot: file?.path, before: runningBefore(items) };
  } finally {
    client.close();
  }
}

/** The service starts the new executable: systemd by its unit, others when the old one ends. */
async function restartService(pid: number): Promise<void> {
  const cgroup = (await realDisk.readIfThere(op, `/proc/${pid}/cgroup`))?.toString() ?? '';
  const unit = /\/([\w@.-]+\.service)$/m.exec(cgroup)?.[1];
  if (unit !== undefined) await realSpawn.run(op, ['systemctl', 'restart', '--no-block', unit]);
  else realProcesses.kill(op, pid, 'SIGTERM');
}

/** How it ended. A version that hangs is rejected from here. */
async function outcome(dataDir: string, waitMs: number): Promise<Outcome> {
  const end = realClock.monotonicMs() + waitMs + returnsWithinMs;
  const rejectAt = realClock.monotonicMs() + waitMs + looksEveryMs * 50;
  let rejected = false;
  while (realClock.monotonicMs() < end) {
    const found = await readOutcome(realDisk, dataDir);
    if (found) return found;
    if (!rejected && realClock.monotonicMs() > rejectAt) {
      rejected = true;
      await rejectTrial(realDisk, dataDir, 'it did not start in time');
      const about = await askOperator(dataDir, 'GET /about', undefined).catch(() => undefined);
      if (about) realProcesses.kill(op, about.pid, 'SIGKILL');
    }
    await realClock.sleep(op, looksEveryMs);
  }
  throw new ConfigError('the upgrade has not ended in time', {
    op,
    hint: `look into the log of the service, and at ${join(dataDir, 'upgrade')}`,
  });
}

/** `skiff upgrade --wait`: for install.sh, which has started the service. */
export async function waitForUpgrade(options: UpgradeArguments): Promise<void> {
  if (!(await readTrial(realDisk, options.dataDir))) {
    const ended = await readOutcome(realDisk, options.dataDir);
    return ended && report(ended);
  }
  report(await outcome(options.dataDir, Number(options.timeout) * 1000));
}

function report({ result, from, to, why }: Outcome): void {
  if (result === 'good') return say(`${to} is good`);
  throw new ConfigError(`${to} was taken back, ${from} runs again: ${why}`, { op });
}
