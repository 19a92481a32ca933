import { buildInfo } from '../io/assets.ts';
import type { ServerConfig } from './config.ts';
import type { ClusterSettings } from './handshake-paths.ts';
import { gitVersion } from './release.ts';

/** The settings of this server's cluster, as nodes get them. */
export function clusterSettings(config: ServerConfig): ClusterSettings {
  return {
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    clusterDns: config.clusterDns,
    clusterDomain: config.clusterDomain,
    flannelBackend: config.flannelBackend,
    flannelIpv6Masq: config.flannelIpv6Masq === true,
    flannelExternalIp: config.flannelExternalIp === true,
    disable: config.disable,
    disableKubeProxy: config.disableKubeProxy,
    disableNetworkPolicy: config.disableNetworkPolicy === true,
    version: gitVersion(buildInfo().version),
  };
}
