import { basename, dirname, join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realProcesses } from '../io/processes.ts';
import { runOk, realSpawn } from '../io/spawn.ts';
import { readCluster } from '../supervisor/agent-settings.ts';
import { checkSkew, versionOf, type Version } from '../supervisor/upgrade/begin.ts';
import { agentClient } from './agent-client.ts';
import { gatherSettings } from './settings.ts';
import { lookAtAgent } from './wait-agent.ts';

const op = 'upgrade';
const looksEveryMs = 500;

export interface AgentUpgrade {
  file: string;
  program: string;
  dataDir: string;
  waitSeconds: number;
  restart(pid: number): Promise<void>;
  say(text: string): void;
}

/** Whether this machine is an agent of somebody's cluster, and no server. */
export async function isAgent(dataDir: string): Promise<boolean> {
  const [cluster, server] = await Promise.all([
    readCluster(realDisk, join(dataDir, 'agent')),
    realDisk.stat(op, join(dataDir, 'server')),
  ]);
  return cluster !== undefined && server === undefined;
}

/**
 * A new executable for an agent: no newer than its servers, and put back when the node does not get
 * Ready with it. Pods run on meanwhile.
 */
export async function upgradeAgent(options: AgentUpgrade): Promise<void> {
  const { file, program, dataDir, waitSeconds, restart, say } = options;
  const at = await placesOf(dataDir);
  const [from, to] = [await versionOf(realSpawn, program), await versionOf(realSpawn, file)];
  checkSkew(from, to, await versionOfServers(at));
  const pid = await pidOf(at.runDir);
  const old = join(dirname(program), `.${basename(program)}-before`);
  await runOk(realSpawn, op, ['ln', '-f', program, old]);
  try {
    await put(file, program);
    say(`${to.skiff} in the place of ${from.skiff}`);
    if (pid === undefined) return say('no agent runs here: its next start is with the new one');
    await restart(pid);
    const lacking = await readyWithin(at, { notPid: pid, waitSeconds });
    if (lacking === undefined) return say(`${to.skiff} is good`);
    await put(old, program);
    const now = await pidOf(at.runDir);
    if (now !== undefined) await restart(now);
    throw new ConfigError(`${to.skiff} was taken back, ${from.skiff} runs again: ${lacking}`, {
      op,
    });
  } finally {
    await realDisk.remove(op, old);
  }
}

async function put(file: string, program: string): Promise<void> {
  const fresh = `${program}.new`;
  await realDisk.remove(op, fresh);
  await runOk(realSpawn, op, ['install', '-m', '755', file, fresh]);
  await runOk(realSpawn, op, ['sync', fresh]);
  await runOk(realSpawn, op, ['mv', '-f', fresh, program]);
}

interface Places {
  dataDir: string;
  runDir: string;
  lbServerPort: number;
}

async function placesOf(dataDir: string): Promise<Places> {
  const { env } = process;
  const settings = await gatherSettings({
    command: 'agent',
    argv: [],
    env,
    disk: realDisk,
    warn: () => undefined,
  });
  return {
    dataDir,
    runDir: String(settings.get('run-dir')),
    lbServerPort: Number(settings.get('lb-server-port') ?? 6444),
  };
}

async function pidOf(runDir: string): Promise<number | undefined> {
  const text = (await realDisk.readIfThere(op, join(runDir, 'skiff.pid')))?.toString();
  const pid = Number(text);
  return Number.isInteger(pid) && pid > 1 && realProcesses.alive(pid) ? pid : undefined;
}

/** What the servers speak, asked by the agent's own way and with its own certificate. */
async function versionOfServers(at: Places): Promise<Version['kubernetes']> {
  const asked = await agentClient(at, 'skiff-upgrade');
  if (!asked) throw new ConfigError('this machine has not joined a cluster yet', { op });
  const { client } = asked;
  try {
    const { body } = await client.raw({ method: 'GET', path: '/version' });
    const { major, minor } = JSON.parse(body.toString()) as { major?: string; minor?: string };
    const known = [major, minor].map((text) => parseInt(text ?? '', 10));
    if (known.every(Number.isInteger)) return { major: known[0] ?? 0, minor: known[1] ?? 0 };
    throw new Error('its answer names no version');
  } catch (cause) {
    throw new ConfigError(`no server says which version it is: ${messageOf(cause)}`, {
      op,
      cause,
      hint: 'an agent follows its servers: try again when one answers',
    });
  } finally {
    client.close();
  }
}

/** What the new agent lacks when its time is over; undefined when it is Ready. */
async function readyWithin(
  at: Places,
  { notPid, waitSeconds }: { notPid: number; waitSeconds: number },
): Promise<string | undefined> {
  const end = realClock.monotonicMs() + waitSeconds * 1000;
  let lacking = 'it did not start';
  while (realClock.monotonicMs() < end) {
    await realClock.sleep(op, looksEveryMs);
    const pid = await pidOf(at.runDir);
    if (pid === undefined || pid === notPid) continue;
    const step = await lookAtAgent(at, () => undefined).catch((error: unknown) => ({
      lacking: messageOf(error),
    }));
    if (!('lacking' in step)) return undefined;
    lacking = step.lacking;
  }
  return lacking;
}
