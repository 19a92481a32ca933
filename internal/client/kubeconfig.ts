import { dirname, resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';

interface KubeConfig {
  'current-context'?: string;
  contexts?: { name: string; context?: { cluster?: string; user?: string; namespace?: string } }[];
  clusters?: { name?: string; cluster: Cluster }[];
  users?: { name?: string; user?: User }[];
}

interface Cluster {
  server: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
}

interface User {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  exec?: unknown;
  'auth-provider'?: unknown;
}

/** How a kubeconfig says that a server is reached, and what is shown to it. */
export interface Connection {
  server: string;
  ca: Buffer | undefined;
  cert: Buffer | undefined;
  key: Buffer | undefined;
  token: string | undefined;
  serverName: string | undefined;
  insecureSkipVerify: boolean;
}

const op = 'kubeconfig';

/**
 * The connection of a kubeconfig's current context; where it names none, of the first cluster and
 * user.
 */
export async function connectionOf(kubeconfig: string, disk: Disk): Promise<Connection> {
  const config = await readKubeconfig(kubeconfig, disk);
  const named = contextOf(config);
  const cluster = chosen(config.clusters, named?.cluster)?.cluster;
  const user = chosen(config.users, named?.user)?.user ?? {};
  if (!cluster?.server) throw new ConfigError(`${kubeconfig}: names no cluster`, { op });
  if (user.exec || user['auth-provider'])
    throw new ConfigError(`${kubeconfig}: its user is proven by a program, which skiff runs not`, {
      op,
      hint: 'take one with a certificate or a token',
    });
  const given = async (data?: string, file?: string): Promise<Buffer | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64');
    return file ? await disk.read(op, resolve(dirname(kubeconfig), file)) : undefined;
  };
  const tokenFile = await given(undefined, user.tokenFile);
  return {
    server: cluster.server,
    ca: await given(cluster['certificate-authority-data'], cluster['certificate-authority']),
    cert: await given(user['client-certificate-data'], user['client-certificate']),
    key: await given(user['client-key-data'], user['client-key']),
    token: user.token ?? tokenFile?.toString().trim(),
    serverName: cluster['tls-server-name'],
    insecureSkipVerify: cluster['insecure-skip-tls-verify'] === true,
  };
}

const chosen = <T extends { name?: string }>(rows: T[] | undefined, name?: string): T | undefined =>
  name === undefined ? rows?.[0] : rows?.find((row) => row.name === name);

/** The current context. */
export const contextOf = (
  config: KubeConfig,
): NonNullable<KubeConfig['contexts']>[number]['context'] =>
  config.contexts?.find(({ name }) => name === config['current-context'])?.context;

export async function readKubeconfig(kubeconfig: string, disk: Disk): Promise<KubeConfig> {
  const bytes = await disk.readIfThere(op, kubeconfig);
  if (!bytes)
    throw new ConfigError(`${kubeconfig}: no such file`, {
      op,
      hint: 'is this a server, and did it run?',
    });
  const { load } = await import('js-yaml');
  return (load(bytes.toString()) ?? {}) as KubeConfig;
}
