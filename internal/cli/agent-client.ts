import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http.ts';
import { realDisk } from '../io/disk.ts';
import { readPair } from '../pki/pair-files.ts';
import { readCluster } from '../supervisor/agent-settings.ts';
import { serverNameOfApi } from '../supervisor/api-names.ts';

/**
 * Asks the servers by the own way of this machine's agent and with its own certificate, which names
 * the node. Undefined: the machine has not joined.
 */
export async function agentClient(
  { dataDir, lbServerPort }: { dataDir: string; lbServerPort: number },
  userAgent: string,
): Promise<{ client: Client & { close(): void }; node: string } | undefined> {
  const dir = join(dataDir, 'agent');
  const [cluster, found] = await Promise.all([
    readCluster(realDisk, dir),
    readPair(realDisk, dir, 'client-kubelet'),
  ]);
  if (!cluster || !found || 'fault' in found) return undefined;
  const { pair } = found;
  const client = httpClient({
    server: `https://127.0.0.1:${lbServerPort}`,
    tls: () => ({ ca: cluster.serverCa, ...pair, serverName: serverNameOfApi }),
    userAgent,
  });
  const [, node = ''] = /CN=system:node:(\S+)/.exec(new X509Certificate(pair.cert).subject) ?? [];
  return { client, node };
}
