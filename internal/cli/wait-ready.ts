import { ConfigError, messageOf } from '../base/errors.ts';
import type { Lease } from '../api/generated/types/coordination-v1.ts';
import type { Node } from '../api/generated/types/core-v1.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { realClock } from '../io/clock.ts';
import { readLastWords } from '../io/last-words.ts';
import { realProcesses } from '../io/processes.ts';
import type { ServerConfig } from '../supervisor/config.ts';
import { askOperator, type About } from '../supervisor/operator-socket.ts';
import { clientOf } from './kube-client.ts';

const asksEveryMs = 100;
/** A server that says the same twice when it dies will say it a third time. */
const sameWordsTwice = 2;
/** A server that died so short a time ago is watched for as long before it is believed. */
const watchedMs = 10_000;

const op = 'wait';

/** What runs now, or what is still lacking. */
export type Step = { about: { pid: number } } | { lacking: string };

export interface WaitReady {
  config: Pick<ServerConfig, 'dataDir' | 'runDir'>;
  /** How it is looked; a server by its own words when left out. */
  look?: (once: (text: string) => void) => Promise<Step>;
  /** What it is called. */
  what?: 'server' | 'agent';
  timeoutMs: number;
  /** In the place of what the server says. */
  kubeconfig?: string | undefined;
  say(text: string): void;
}

/**
 * Waits until the server that runs here, and not one of before, has started every part, answers,
 * and its node (if it has one) is Ready and has sent a heartbeat since that server started. Ends
 * early, with the server's own words, when it dies twice of the same.
 */
export async function waitReady({
  config,
  timeoutMs,
  kubeconfig,
  say,
  look = (once) => lookAtServer(config, kubeconfig, once),
  what = 'server',
}: WaitReady): Promise<void> {
  const end = realClock.monotonicMs() + timeoutMs;
  const before = readLastWords(config.runDir);
  const said = new Set<string>();
  const once = (text: string): void => void (said.has(text) || (said.add(text), say(text)));
  let lacking = `no ${what} runs on this machine`;
  for (;;) {
    const dying = lastWords(config.runDir);
    const times =
      dying === undefined
        ? 0
        : dying.message === before?.message
          ? dying.times - before.times
          : dying.times;
    const step: Step = await look(once).catch((error: unknown) => ({ lacking: messageOf(error) }));
    if ('about' in step && (await stays(step.about, dying?.atMs))) return;
    // Died twice while it was waited for, or before and is down again.
    if (dying && (times >= sameWordsTwice || (!('about' in step) && dying.times > sameWordsTwice)))
      throw new ConfigError(`the ${what} does not stay up: ${dying.message}`, { op });
    if ('lacking' in step) lacking = step.lacking;
    if (realClock.monotonicMs() >= end)
      throw new ConfigError(`not reached in ${Math.round(timeoutMs / 1000)} s: ${lacking}`, {
        op,
        hint: 'look into the log of the service',
      });
    await realClock.sleep(op, asksEveryMs);
  }
}

/** Words of long ago are about another matter. */
function lastWords(runDir: string): ReturnType<typeof readLastWords> {
  const words = readLastWords(runDir);
  return words && Math.abs(realClock.now() - words.atMs) < 6 * watchedMs ? words : undefined;
}

async function lookAtServer(
  config: WaitReady['config'],
  kubeconfig: string | undefined,
  once: (text: string) => void,
): Promise<Step> {
  const about = await askOperator(config.dataDir, 'GET /about', undefined);
  if (!about) return { lacking: 'no server runs on this machine' };
  once('the server has started');
  const client = await clientOf(kubeconfig ?? about.kubeconfig);
  try {
    if ((await client.raw({ method: 'GET', path: '/readyz' })).status !== 200)
      return { lacking: 'the API server is not ready' };
    once('the API server answers');
    if (!about.ready) return { lacking: 'not every part of the server has started' };
    if (!about.agent) once('there is no node beside this server (--disable-agent)');
    const why = about.agent ? await nodeLacks(client, about) : undefined;
    if (why !== undefined) return { lacking: why };
    if (about.agent) once(`node ${about.node} is Ready`);
    return { about };
  } finally {
    client.close();
  }
}

/**
 * What is stored outlives the node that said it: its condition counts with a heartbeat of this run
 * only.
 */
export async function nodeLacks(
  client: Client,
  { node: name, startedMs }: Pick<About, 'node' | 'startedMs'>,
): Promise<string | undefined> {
  const node = await client.get<Node>(refs.nodes, { name });
  const ready = node.status.conditions?.find((c) => c.type === 'Ready');
  if (ready?.status !== 'True')
    return `node ${name} is not Ready${ready?.message ? `: ${ready.message}` : ''}`;
  const { spec } = await client.get<Lease>(refs.leases, { namespace: 'kube-node-lease', name });
  return Date.parse(spec?.renewTime ?? '') >= startedMs
    ? undefined
    : `node ${name} has sent no heartbeat since this start`;
}

/** One that died a moment ago has to stay for a while before it is believed. */
async function stays({ pid }: { pid: number }, diedMs: number | undefined): Promise<boolean> {
  const until = diedMs === undefined ? 0 : diedMs + watchedMs;
  while (realClock.now() < until && realProcesses.alive(pid))
    await realClock.sleep(op, asksEveryMs);
  return realProcesses.alive(pid);
}
