import { join } from 'node:path';
import { dictOf, textOf } from '../../api/loose.ts';
import type { Disk } from '../../io/disk.ts';
import { certificateFault } from '../../pki/pair-files.ts';

/** What a node keeps of the cluster of a plain API server. */
export interface PlainCluster {
  /** `https://host:port` */
  server: string;
  /** The name that its certificate has, when it is not the host of `server`. */
  serverName?: string;
  /** PEM; without it the machine's own authorities vouch for the server. */
  ca?: string;
  /** PEM of the authorities that sign client certificates for this node. */
  clientCa: string;
  facts: ClusterFacts;
}

/** What the cluster itself tells of its network; what it does not tell is left out. */
export interface ClusterFacts {
  clusterDns?: string;
  clusterDomain?: string;
  clusterCidr?: string;
  serviceCidr?: string;
}

const op = 'plain cluster';
const fileOf = (dir: string): string => join(dir, 'plain-cluster.json');

export async function readPlain(disk: Disk, dir: string): Promise<PlainCluster | undefined> {
  const bytes = await disk.readIfThere(op, fileOf(dir));
  try {
    return bytes && checked(JSON.parse(bytes.toString()));
  } catch {
    return undefined; // torn by a power cut: it is asked for again
  }
}

export async function keepPlain(disk: Disk, dir: string, cluster: PlainCluster): Promise<void> {
  const text = `${JSON.stringify(cluster, undefined, 1)}\n`;
  if ((await disk.readIfThere(op, fileOf(dir)))?.toString() === text) return;
  await disk.writeAtomic(op, fileOf(dir), text, { mode: 0o600 });
}

/** The machine went to another cluster. */
export const forgetPlain = (disk: Disk, dir: string): Promise<void> => disk.remove(op, fileOf(dir));

function checked(found: unknown): PlainCluster | undefined {
  const all = dictOf(found);
  const [server, clientCa] = [textOf(all['server']), textOf(all['clientCa'])];
  const [ca, serverName] = [textOf(all['ca']), textOf(all['serverName'])];
  if (!URL.canParse(server) || certificateFault(clientCa) !== undefined) return undefined;
  if (ca !== '' && certificateFault(ca) !== undefined) return undefined;
  const facts: ClusterFacts = {};
  for (const name of ['clusterDns', 'clusterDomain', 'clusterCidr', 'serviceCidr'] as const) {
    const value = textOf(dictOf(all['facts'])[name]);
    if (value !== '') facts[name] = value;
  }
  return { server, clientCa, facts, ...(ca && { ca }), ...(serverName && { serverName }) };
}
