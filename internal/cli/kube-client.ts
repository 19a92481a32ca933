import { ConfigError } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http.ts';
import { realDisk } from '../io/disk.ts';

interface KubeConfig {
  clusters?: { cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users?: {
    user: { 'client-certificate-data'?: string; 'client-key-data'?: string; token?: string };
  }[];
}

/**
 * A client by the first cluster and user of a kubeconfig: the administrator's file has one of each.
 */
export async function clientOf(kubeconfig: string): Promise<Client & { close(): void }> {
  const bytes = await realDisk.readIfThere('kubeconfig', kubeconfig);
  if (!bytes)
    throw new ConfigError(`${kubeconfig}: no such file`, {
      op: 'kubeconfig',
      hint: 'is this a server, and did it run?',
    });
  const { load } = await import('js-yaml');
  const config = load(bytes.toString()) as KubeConfig;
  const cluster = config.clusters?.[0]?.cluster;
  const user = config.users?.[0]?.user;
  if (!cluster) throw new ConfigError(`${kubeconfig}: names no cluster`, { op: 'kubeconfig' });
  const decoded = (text: string | undefined): Buffer | undefined =>
    text === undefined ? undefined : Buffer.from(text, 'base64');
  return httpClient({
    server: cluster.server,
    ca: decoded(cluster['certificate-authority-data']),
    cert: decoded(user?.['client-certificate-data']),
    key: decoded(user?.['client-key-data']),
    ...(user?.token !== undefined && { token: user.token }),
  });
}
