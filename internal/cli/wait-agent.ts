import { join } from 'node:path';
import { realDisk } from '../io/disk.ts';
import { realProcesses } from '../io/processes.ts';
import { agentClient } from './agent-client.ts';
import { nodeLacks, type Step } from './wait-ready.ts';

const op = 'wait';

/**
 * Whether the agent of this machine runs and its Node is Ready, asked by its own way to the
 * servers and with its own certificate.
 */
export async function lookAtAgent(
  config: { dataDir: string; runDir: string; lbServerPort: number },
  once: (text: string) => void,
): Promise<Step> {
  const pidFile = join(config.runDir, 'skiff.pid');
  const pid = Number((await realDisk.readIfThere(op, pidFile))?.toString());
  const started = await realDisk.stat(op, pidFile);
  if (!started || !Number.isInteger(pid) || pid < 2 || !realProcesses.alive(pid))
    return { lacking: 'no agent runs on this machine' };
  once('the agent has started');
  const asked = await agentClient(config, 'skiff-wait-ready');
  if (!asked) return { lacking: 'the machine has not joined: no server has answered yet' };
  const { client, node } = asked;
  once('the machine has joined');
  try {
    const lacking = await nodeLacks(client, { node, startedMs: started.mtimeMs });
    if (lacking !== undefined) return { lacking };
    once(`node ${node} is Ready`);
    return { about: { pid } };
  } finally {
    client.close();
  }
}
