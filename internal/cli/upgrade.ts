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
import { checkSkew, putOnTrial, versionOf, type Version } from '../supervisor/upgrade/begin.ts';
import { runningBefore } from '../supervisor/upgrade/looks.ts';
import {
  isJudged,
  readOutcome,
  readTrial,
  rejectTrial,
  type Before,
  type Outcome,
} from '../supervisor/upgrade/trial.ts';
import { clientOf } from './kube-client.ts';
import { isAgent, pidOfAgent, stockOfAgent } from './upgrade-agent.ts';
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
  const [from, to] = [await versionOf(realSpawn, program), await versionOf(realSpawn, file)];
  const stock = (await isAgent(dataDir))
    ? await stockOfAgentHere(dataDir)
    : await stockOfServer(dataDir, to.skiff);
  checkSkew(from, to, stock.servers);
  await refuseWithoutGuard(options);
  const doors = { disk: realDisk, spawn: realSpawn };
  const versions = { from: from.skiff, to: to.skiff };
  const snapshot = await stock.snapshot?.();
  const { before } = stock;
  await putOnTrial({
    ...doors,
    ...versions,
    file,
    program,
    dataDir,
    snapshot,
    before,
    waitSeconds,
  });
  say(`${to.skiff} is on trial in the place of ${from.skiff}`);
  const pid = await stock.pid();
  if (options.prepare === true || pid === undefined) return;
  await restartService(pid);
  report(await outcome({ dataDir, waitMs: waitSeconds * 1000, pid: stock.pid }));
}

/** Before an upgrade. */
interface Stock {
  /** Of an agent. */
  servers?: Version['kubernetes'];
  before: Before[];
  /** Of the store; its file. */
  snapshot?(): Promise<string | undefined>;
  /** Of the process that is to be replaced. */
  pid(): Promise<number | undefined>;
}

async function stockOfAgentHere(dataDir: string): Promise<Stock> {
  const stock = await stockOfAgent(dataDir);
  if ((await pidOfAgent()) === undefined) say('no agent runs here: its next start is judged');
  return { ...stock, pid: pidOfAgent };
}

async function stockOfServer(dataDir: string, to: string): Promise<Stock> {
  const ask = async (): Promise<About | undefined> =>
    await askOperator(dataDir, 'GET /about', undefined).catch(() => undefined);
  const about = await askOperator(dataDir, 'GET /about', undefined);
  const pid = async (): Promise<number | undefined> => (await ask())?.pid;
  if (!about) {
    say('no server runs here: there is no snapshot, and the next start is judged');
    return { before: [], pid };
  }
  return { before: await runningBeside(about), pid, snapshot: () => snapshotOf(dataDir, to) };
}

/** It is the guard that brings the old executable back: this process may not live to do it. */
async function refuseWithoutGuard({ dataDir, prepare }: UpgradeArguments): Promise<void> {
  if (prepare === true || (await realDisk.stat(op, join(dataDir, 'skiff-guard.sh')))) return;
  throw new ConfigError('nothing here takes a version back that does not start', {
    op,
    hint: 'install.sh installs a service that does',
  });
}

async function snapshotOf(dataDir: string, to: string): Promise<string | undefined> {
  const prefix = `before-${/^v([\w.-]+)/.exec(to)?.[1] ?? 'upgrade'}`;
  const request = { prefix, compress: false, retention: 2 };
  const file = await askOperator(dataDir, 'POST /snapshots', request).catch((error: unknown) => {
    say(`no snapshot: ${messageOf(error)}`);
    return undefined;
  });
  if (file) say(`snapshot ${file.path}`);
  return file?.path;
}

/** What runs on the node beside a server. */
async function runningBeside(about: About): Promise<Before[]> {
  if (!about.agent) return [];
  const client = await clientOf(about.kubeconfig);
  try {
    const { items } = await client.list<Pod>(refs.pods, {
      fieldSelector: `spec.nodeName=${about.node}`,
    });
    return runningBefore(items);
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
async function outcome({
  dataDir,
  waitMs,
  pid,
}: {
  dataDir: string;
  waitMs: number;
  pid(): Promise<number | undefined>;
}): Promise<Outcome> {
  const end = realClock.monotonicMs() + waitMs + returnsWithinMs;
  const rejectAt = realClock.monotonicMs() + waitMs + looksEveryMs * 50;
  let rejected = false;
  while (realClock.monotonicMs() < end) {
    const found = await readOutcome(realDisk, dataDir);
    if (found) return found;
    if (!rejected && realClock.monotonicMs() > rejectAt) {
      rejected = true;
      // Without a trial it is the old one that runs.
      const hung = (await readTrial(realDisk, dataDir)) && (await pid());
      if (!(await isJudged(realDisk, dataDir)))
        await rejectTrial(realDisk, dataDir, 'it did not start in time');
      if (hung !== undefined) realProcesses.kill(op, hung, 'SIGKILL');
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
  const { dataDir } = options;
  const agent = await isAgent(dataDir);
  const pid = agent
    ? pidOfAgent
    : async () => (await askOperator(dataDir, 'GET /about', undefined).catch(() => undefined))?.pid;
  report(await outcome({ dataDir, waitMs: Number(options.timeout) * 1000, pid }));
}

function report({ result, from, to, why }: Outcome): void {
  if (result === 'good') return say(`${to} is good`);
  if (result === 'later')
    throw new ConfigError(`${to} is put off, ${from} runs again: ${why}`, {
      op,
      hint: 'it is tried once more by itself, when a server answers',
    });
  throw new ConfigError(`${to} was taken back, ${from} runs again: ${why}`, { op });
}
