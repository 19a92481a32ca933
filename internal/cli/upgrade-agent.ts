import { join } from 'node:path';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { realDisk } from '../io/disk.ts';
import { realProcesses } from '../io/processes.ts';
import { readCluster } from '../supervisor/agent-settings.ts';
import { readPlain } from '../supervisor/plain/kept.ts';
import type { Version } from '../supervisor/upgrade/begin.ts';
import { runningBefore } from '../supervisor/upgrade/looks.ts';
import type { Before } from '../supervisor/upgrade/trial.ts';
import { agentClient } from './agent-client.ts';
import { gatherSettings } from './settings.ts';

const op = 'upgrade';

/** Whether this machine is an agent of somebody's cluster, and no server. */
export async function isAgent(dataDir: string): Promise<boolean> {
  const dir = join(dataDir, 'agent');
  const [cluster, plain, server] = await Promise.all([
    readCluster(realDisk, dir),
    readPlain(realDisk, dir),
    realDisk.stat(op, join(dataDir, 'server')),
  ]);
  return (cluster ?? plain) !== undefined && server === undefined;
}

/** What an upgrade of this machine's agent goes by. */
export interface AgentStock {
  /** What the servers speak. */
  servers: Version['kubernetes'];
  /** What runs on its node. */
  before: Before[];
}

/** Asked by the agent's own way and with its own certificate. */
export async function stockOfAgent(dataDir: string): Promise<AgentStock> {
  const settings = await agentSettings();
  const lbServerPort = Number(settings.get('lb-server-port') ?? 6444);
  const asked = await agentClient({ dataDir, lbServerPort }, 'skiff-upgrade');
  if (!asked) throw new ConfigError('this machine has not joined a cluster yet', { op });
  const { client, node } = asked;
  try {
    const servers = await versionOfServers(client);
    const fieldSelector = `spec.nodeName=${node}`;
    const { items } = await client.list<Pod>(refs.pods, { fieldSelector });
    return { servers, before: runningBefore(items) };
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

async function versionOfServers(client: Client): Promise<Version['kubernetes']> {
  const { body } = await client.raw({ method: 'GET', path: '/version' });
  const { major, minor } = JSON.parse(body.toString()) as { major?: string; minor?: string };
  const known = [major, minor].map((text) => parseInt(text ?? '', 10));
  if (!known.every(Number.isInteger)) throw new Error('its answer names no version');
  return { major: known[0] ?? 0, minor: known[1] ?? 0 };
}

/** The agent's process, while it runs. */
export async function pidOfAgent(): Promise<number | undefined> {
  const file = join(String((await agentSettings()).get('run-dir')), 'skiff.pid');
  const pid = Number((await realDisk.readIfThere(op, file))?.toString());
  return Number.isInteger(pid) && pid > 1 && realProcesses.alive(pid) ? pid : undefined;
}

const agentSettings = (): ReturnType<typeof gatherSettings> =>
  gatherSettings({
    command: 'agent',
    argv: [],
    env: process.env,
    disk: realDisk,
    warn: () => undefined,
  });
