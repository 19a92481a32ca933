import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http.ts';
import { realDisk } from '../io/disk.ts';
import { readPair } from '../pki/pair-files.ts';
import { readCluster } from '../supervisor/agent-settings.ts';
import { readPlain } from '../supervisor/plain/kept.ts';
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
  const [plain, cluster, found] = await Promise.all([
    readPlain(realDisk, dir),
    readCluster(realDisk, dir),
    readPair(realDisk, dir, 'client-kubelet'),
  ]);
  if (!found || 'fault' in found) return undefined;
  const { pair } = found;
  const own = cluster && {
    server: `https://127.0.0.1:${lbServerPort}`,
    ca: cluster.serverCa,
    serverName: serverNameOfApi,
  };
  const to = plain ?? own;
  if (!to) return undefined;
  const { server, ca, serverName } = to;
  const client = httpClient({ server, ca, serverName, ...pair, userAgent });
  const [, node = ''] = /CN=system:node:(\S+)/.exec(new X509Certificate(pair.cert).subject) ?? [];
  return { client, node };
}
