import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { httpClient } from '../client/http.ts';
import { realDisk } from '../io/disk.ts';
import { realProcesses } from '../io/processes.ts';
import { readPair } from '../pki/pair-files.ts';
import { readCluster } from '../supervisor/agent-settings.ts';
import { serverNameOfApi } from '../supervisor/api-names.ts';
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
  const dir = join(config.dataDir, 'agent');
  const [cluster, found] = await Promise.all([
    readCluster(realDisk, dir),
    readPair(realDisk, dir, 'client-kubelet'),
  ]);
  if (!cluster || !found || 'fault' in found)
    return { lacking: 'the machine has not joined: no server has answered yet' };
  once('the machine has joined');
  const { pair } = found;
  const client = httpClient({
    server: `https://127.0.0.1:${config.lbServerPort}`,
    tls: () => ({ ca: cluster.serverCa, ...pair, serverName: serverNameOfApi }),
    userAgent: 'skiff-wait-ready',
  });
  try {
    const [, node = ''] = /CN=system:node:(\S+)/.exec(new X509Certificate(pair.cert).subject) ?? [];
    const lacking = await nodeLacks(client, { node, startedMs: started.mtimeMs });
    if (lacking !== undefined) return { lacking };
    once(`node ${node} is Ready`);
    return { about: { pid } };
  } finally {
    client.close();
  }
}
