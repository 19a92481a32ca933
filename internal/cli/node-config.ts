import { join } from 'node:path';
import { parseCidrs } from '../base/addresses.ts';
import { ConfigError } from '../base/errors.ts';
import type { AgentConfig, NodeConfig } from '../supervisor/config.ts';
import { backends } from '../supervisor/agent-settings.ts';
import { parseToken } from '../pki/tokens.ts';
import { kubeletSettings } from './program-args.ts';
import { address, addresses, list, names, pairs, port, text } from './setting-values.ts';
import type { Settings } from './settings.ts';
import { checkClusterDomain, checkNodeLabels, checkNodeTaints } from './value-checks.ts';

const op = 'config';

/** Takes one line for the operator. */
export type Warn = (line: string) => void;
export const silently: Warn = () => undefined;

export function agentConfig(settings: Settings, warn: Warn = silently): AgentConfig {
  const server = text(settings, 'server');
  const token = text(settings, 'token') ?? text(settings, 'cluster-secret');
  const tokenFile = text(settings, 'token-file');
  const kubeconfig = text(settings, 'kubeconfig');
  const lbServerPort = port(settings, 'lb-server-port') ?? 6444;
  const rest = { ...nodeConfig(settings, warn), lbServerPort, told: toldOfCluster(settings) };
  if (kubeconfig !== undefined) {
    const also = server !== undefined ? 'server' : token !== undefined ? 'token' : undefined;
    if (also !== undefined)
      throw new ConfigError(`--kubeconfig names the server and who asks: --${also} is too much`, {
        op,
      });
    return { ...rest, server: '', kubeconfig, token: undefined, tokenFile: undefined };
  }
  if (server === undefined)
    throw new ConfigError('an agent needs --server', {
      op,
      hint:
        'give the URL of the server, https://<address>:6443, or the --kubeconfig of a plain API ' +
        'server',
    });
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw new ConfigError(`--server: "${server}" is not an https:// URL`, { op });
  if (token === undefined && tokenFile === undefined)
    throw new ConfigError('an agent needs --token', {
      op,
      hint: 'take it from server/agent-token on the server',
    });
  if (token !== undefined && tokenFile === undefined) parseToken(token);
  return { ...rest, server, token, tokenFile };
}

/** What a skiff server tells its nodes, and a plain API server may not. */
function toldOfCluster(settings: Settings): AgentConfig['told'] {
  const range = (name: string): string | undefined => {
    const value = text(settings, name);
    if (value !== undefined && parseCidrs(value) === undefined)
      throw new ConfigError(`--${name}: "${value}" is not a range of addresses`, { op });
    return value;
  };
  const clusterDomain = text(settings, 'cluster-domain');
  if (clusterDomain !== undefined) checkClusterDomain(clusterDomain);
  return {
    clusterDns: address(settings, 'cluster-dns'),
    clusterDomain,
    clusterCidr: range('cluster-cidr'),
    serviceCidr: range('service-cidr'),
    backend: backends.find((one) => one === text(settings, 'flannel-backend')),
  };
}

/** The settings that every node gets, on a server or alone. */
export function nodeConfig(settings: Settings, warn: Warn): NodeConfig {
  const dataDir = text(settings, 'data-dir') ?? '/var/lib/skiff';
  if (!dataDir.startsWith('/'))
    throw new ConfigError(`--data-dir: "${dataDir}" is not an absolute path`, { op });
  const kubelet = kubeletSettings(settings, warn);
  const nodeName = (kubelet.nodeName ?? text(settings, 'node-name'))?.toLowerCase();
  if (nodeName !== undefined && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(nodeName))
    throw new ConfigError(`--node-name: "${nodeName}" is not a DNS name`, { op });
  const config = text(settings, 'config') ?? '/etc/skiff/config.yaml';
  const nodeLabels = pairs(
    'node-label',
    [...list(settings, 'node-label'), ...(kubelet.nodeLabels ?? [])],
    /^[^=]+=[^=]*$/,
    'key=value',
  );
  const nodeTaints = pairs(
    'node-taint',
    [...list(settings, 'node-taint'), ...(kubelet.nodeTaints ?? [])],
    /^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$/,
    'key=value:effect',
  );
  checkNodeLabels(nodeLabels);
  checkNodeTaints(nodeTaints);
  return {
    dataDir,
    configDir: join(config, '..'),
    runDir: text(settings, 'run-dir') ?? '/run/skiff',
    nodeName,
    withNodeId: settings.get('with-node-id') === true,
    nodeIps: addresses(settings, 'node-ip'),
    nodeExternalIps: addresses(settings, 'node-external-ip'),
    nodeLabels,
    nodeTaints,
    resolvConf: kubelet.resolvConf ?? text(settings, 'resolv-conf'),
    runtimeEndpoint: text(settings, 'container-runtime-endpoint'),
    snapshotter: text(settings, 'snapshotter') ?? 'overlayfs',
    pauseImage: text(settings, 'pause-image') ?? 'registry.k8s.io/pause:3.10.2',
    privateRegistry: text(settings, 'private-registry') ?? '/etc/skiff/registries.yaml',
    flannelBackend: flannelBackend(settings),
    flannelIpv6Masq: settings.get('flannel-ipv6-masq') === true,
    flannelExternalIp: settings.get('flannel-external-ip') === true,
    flannelIface: text(settings, 'flannel-iface'),
    disableKubeProxy: settings.get('disable-kube-proxy') === true,
    maxPods: kubelet.maxPods ?? 110,
    reserved: [kubelet.kubeReserved ?? {}, kubelet.systemReserved ?? {}],
    kubelet: kubelet.options,
    unsafeSysctls: kubelet.unsafeSysctls ?? [],
    nodeInternalDns: names(settings, 'node-internal-dns'),
    nodeExternalDns: names(settings, 'node-external-dns'),
    protectKernelDefaults: settings.get('protect-kernel-defaults') === true,
    disableShell: settings.get('disable-shell') === true,
    debug: settings.get('debug') === true || Number(settings.get('v') ?? 0) > 0,
  };
}

function flannelBackend(settings: Settings): NodeConfig['flannelBackend'] {
  if (settings.get('no-flannel') === true) return 'none';
  const backend = text(settings, 'flannel-backend');
  return backends.find((one) => one === backend) ?? 'vxlan';
}
