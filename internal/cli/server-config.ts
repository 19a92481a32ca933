import { isAddress, mustCidr, bitsOf, nthAddress, parseCidr, familyOf } from '../base/addresses.ts';
import { ConfigError } from '../base/errors.ts';
import { cronError } from '../api/cron/cron.ts';
import type { ServerConfig, SnapshotConfig } from '../supervisor/config.ts';
import { egressModes, type EgressMode } from '../supervisor/handshake-paths.ts';
import { snapshotPrefix } from '../supervisor/snapshots/folder.ts';
import { isPostgres, parsePostgresEndpoint } from '../store/postgres/endpoint.ts';
import { nodeConfig, silently, type Warn } from './node-config.ts';
import { serverArgs } from './program-args.ts';
import { address, list, port, text } from './setting-values.ts';
import type { Settings } from './settings.ts';
import { checkClusterDns, checkClusterDomain, checkRanges, checkTlsSans } from './value-checks.ts';

const op = 'config';

/**
 * Settings -> what the supervisor takes; every value is checked here, with the flag's name in the
 * complaint.
 */
export function serverConfig(settings: Settings, warn: Warn = silently): ServerConfig {
  const args = serverArgs(settings, warn);
  const node = nodeConfig(settings, warn);
  const [clusterCidr, serviceCidr] = [
    cidr(settings, 'cluster-cidr'),
    cidr(settings, 'service-cidr'),
  ];
  const clusterDns = address(settings, 'cluster-dns') ?? tenthAddress(serviceCidr);
  const clusterDomain = text(settings, 'cluster-domain') ?? 'cluster.local';
  const disable = disabled(settings, warn);
  checkRanges(clusterCidr, serviceCidr);
  checkClusterDns(clusterDns, serviceCidr, disable);
  checkClusterDomain(clusterDomain);
  checkTlsSans(list(settings, 'tls-san'), isAddress);
  return {
    ...node,
    bindAddress: address(settings, 'bind-address') ?? '0.0.0.0',
    httpsListenPort: port(settings, 'https-listen-port') ?? 6443,
    advertiseAddress: address(settings, 'advertise-address'),
    advertisePort: port(settings, 'advertise-port'),
    tlsSans: list(settings, 'tls-san'),
    token: text(settings, 'token') ?? text(settings, 'cluster-secret'),
    tokenFile: text(settings, 'token-file'),
    agentToken: text(settings, 'agent-token'),
    agentTokenFile: text(settings, 'agent-token-file'),
    writeKubeconfig: text(settings, 'write-kubeconfig') ?? '/etc/skiff/skiff.yaml',
    writeKubeconfigMode: mode(settings, 'write-kubeconfig-mode'),
    writeKubeconfigGroup: text(settings, 'write-kubeconfig-group'),
    clusterCidr,
    serviceCidr,
    clusterDns,
    clusterDomain,
    nodePortRange: args.apiServer.nodePortRange ?? range(settings, 'service-node-port-range'),
    disable,
    localStoragePath: localStoragePath(settings),
    disableAgent: settings.get('disable-agent') === true,
    egressMode: egressMode(settings),
    disableHelm: settings.get('disable-helm-controller') === true,
    disableCloudController: settings.get('disable-cloud-controller') === true,
    disableNetworkPolicy: settings.get('disable-network-policy') === true,
    disableScheduler: settings.get('disable-scheduler') === true,
    disableControllers: settings.get('disable-controller-manager') === true,
    datastore: datastore(settings),
    secretsEncryption: settings.get('secrets-encryption') === true,
    clusterInit: settings.get('cluster-init') === true,
    clusterReset: settings.get('cluster-reset') === true,
    clusterResetRestorePath: restorePath(settings),
    snapshots: snapshotConfig(settings),
    server: serverUrl(settings),
    apiServer: args.apiServer,
    controllers: args.controllers,
    scheduler: args.scheduler,
    etcdTuning: args.etcdTuning,
  };
}

/** Without a node beside it, a server is in no network of pods. */
function egressMode(settings: Settings): EgressMode {
  const told = text(settings, 'egress-selector-mode');
  const without = settings.get('disable-agent') === true ? 'cluster' : 'agent';
  return egressModes.find((one) => one === told) ?? without;
}

/** The server of the cluster to join; it brings its own datastore with it. */
function serverUrl(settings: Settings): string | undefined {
  const url = text(settings, 'server');
  if (url === undefined) return undefined;
  if (!/^https:\/\/[^/]+\/?$/.test(url) || !URL.canParse(url))
    throw new ConfigError(`--server: "${url}" is not a URL such as https://10.0.0.1:6443`, { op });
  if (settings.get('cluster-init') === true)
    throw new ConfigError('--server and --cluster-init exclude each other', {
      op,
      hint: '--cluster-init is for the first server of a cluster',
    });
  if (text(settings, 'datastore-endpoint') !== undefined)
    throw new ConfigError('--server and --datastore-endpoint exclude each other', {
      op,
      hint: 'servers with the same datastore and --token find each other there',
    });
  return url;
}

function datastore(settings: Settings): ServerConfig['datastore'] {
  const endpoint = text(settings, 'datastore-endpoint');
  if (endpoint === undefined) return undefined;
  if (isPostgres(endpoint)) parsePostgresEndpoint(endpoint);
  else {
    const scheme = /^([a-z0-9+.-]+):\/\//.exec(endpoint)?.[1] ?? 'http';
    if (!['http', 'https', 'unix'].includes(scheme))
      throw new ConfigError(`--datastore-endpoint: there is no datastore "${scheme}"`, {
        op,
        hint:
          'give the endpoints of an etcd cluster (https://...), a PostgreSQL (postgres://...), ' +
          'or none for the store in data-dir',
      });
  }
  return {
    endpoint,
    caFile: text(settings, 'datastore-cafile'),
    certFile: text(settings, 'datastore-certfile'),
    keyFile: text(settings, 'datastore-keyfile'),
  };
}

function restorePath(settings: Settings): string | undefined {
  const path = text(settings, 'cluster-reset-restore-path');
  if (path !== undefined && settings.get('cluster-reset') !== true)
    throw new ConfigError('--cluster-reset-restore-path needs --cluster-reset', {
      op,
      hint: 'what the server holds now is laid aside: say both',
    });
  return path;
}

export function snapshotConfig(settings: Settings): SnapshotConfig {
  const schedule = text(settings, 'etcd-snapshot-schedule-cron');
  const retention = Number(settings.get('etcd-snapshot-retention') ?? 5);
  const prefix = text(settings, 'etcd-snapshot-name') ?? 'etcd-snapshot';
  const wrong = schedule === undefined ? undefined : cronError(schedule);
  if (wrong !== undefined)
    throw new ConfigError(`--etcd-snapshot-schedule-cron: ${wrong}`, {
      op,
      hint: 'five fields such as "0 */12 * * *", or "" for never',
    });
  if (retention < 0)
    throw new ConfigError(`--etcd-snapshot-retention: ${retention} is less than none`, {
      op,
      hint: '0 keeps all',
    });
  if (!snapshotPrefix.test(prefix))
    throw new ConfigError(`--etcd-snapshot-name: "${prefix}" cannot begin the name of a file`, {
      op,
      hint: 'use letters, digits, ".", "_" and "-"',
    });
  const dir = text(settings, 'etcd-snapshot-dir');
  if (dir !== undefined && !dir.startsWith('/'))
    throw new ConfigError(`--etcd-snapshot-dir: "${dir}" is not an absolute path`, { op });
  return {
    schedule: settings.get('etcd-disable-snapshots') === true ? undefined : schedule,
    prefix,
    retention,
    dir,
    compress: settings.get('etcd-snapshot-compress') === true,
  };
}

function localStoragePath(settings: Settings): string | undefined {
  const path = text(settings, 'default-local-storage-path');
  if (path === undefined) return undefined;
  const names = path.replace(/\/+$/, '').split('/').slice(1);
  if (!path.startsWith('/') || names.length === 0 || names.includes('..'))
    throw new ConfigError(`--default-local-storage-path: "${path}" is not a folder of its own`, {
      op,
      hint: 'give an absolute path such as /mnt/volumes',
    });
  return `/${names.join('/')}`;
}

const packaged = [
  'coredns',
  'servicelb',
  'traefik',
  'ingress',
  'local-storage',
  'metrics-server',
  'dashboard',
  'system-upgrade',
  'runtimes',
  'ccm',
];

/** Names of components, or of files below server/manifests. */
function disabled(settings: Settings, warn: Warn): string[] {
  const asked = [...new Set([...list(settings, 'disable'), ...list(settings, 'no-deploy')])];
  for (const name of asked) {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      throw new ConfigError(`--disable: "${name}" is not the name of a component`, {
        op,
        hint: `known are ${packaged.join(', ')}`,
      });
    if (!packaged.includes(name))
      warn(
        `--disable: there is no component "${name}" (known are ${packaged.join(', ')}); a ` +
          'file of that name below server/manifests is kept away',
      );
  }
  return asked;
}

function cidr(settings: Settings, name: string): string {
  const value = text(settings, name) ?? '';
  const [first, ...others] = value.split(',').map((one) => one.trim());
  const parsed = parseCidr(first);
  if (!parsed || (familyOf(parsed) === 4 && bitsOf(parsed) > 30))
    throw new ConfigError(`--${name}: "${value}" is not a range such as 10.42.0.0/16`, { op });
  return [first, ...others.map((one) => parseCidr(one) ?? one)].join(',');
}

function mode(settings: Settings, name: string): number {
  const value = text(settings, name) ?? '0600';
  if (!/^0?[0-7]{3}$/.test(value))
    throw new ConfigError(`--${name}: "${value}" is not a file mode such as 0644`, { op });
  return parseInt(value, 8);
}

function range(settings: Settings, name: string): { from: number; to: number } {
  const value = text(settings, name) ?? '';
  const match = /^(\d+)-(\d+)$/.exec(value);
  const from = Number(match?.[1] ?? 0);
  const to = Number(match?.[2] ?? 0);
  if (from < 1 || to > 65535 || from > to)
    throw new ConfigError(`--${name}: "${value}" is not a range of ports such as 30000-32767`, {
      op,
    });
  return { from, to };
}

/** Services know the tenth address of their range as the cluster DNS. */
function tenthAddress(serviceCidr: string): string {
  const ip = nthAddress(mustCidr(serviceCidr.split(',')[0] ?? ''), 10);
  if (ip) return ip;
  throw new ConfigError(`--service-cidr: ${serviceCidr} has no tenth address for the cluster DNS`, {
    op,
    hint: 'take a larger range, such as 10.43.0.0/16, or say --cluster-dns',
  });
}
