import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http.ts';
import { connectionOf, contextOf, readKubeconfig } from '../client/kubeconfig.ts';
import { realDisk } from '../io/disk.ts';

/** A client for the cluster and user of a kubeconfig. */
export async function clientOf(kubeconfig: string): Promise<Client & { close(): void }> {
  const { token, ...connection } = await connectionOf(kubeconfig, realDisk);
  return httpClient({ ...connection, ...(token !== undefined && { token }) });
}

/** Where a kubeconfig looks when nobody says another namespace. */
export const namespaceOf = async (kubeconfig: string): Promise<string> =>
  contextOf(await readKubeconfig(kubeconfig, realDisk))?.namespace || 'default';
