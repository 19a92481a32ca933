import { join } from 'node:path';
import type { Disk } from '../io/disk.ts';
import { parseCidrs, parseIpv4 } from '../base/addresses.ts';
import type { Backend } from '../network/network.ts';
import type { ClusterSettings } from './handshake-paths.ts';

/** What a node keeps of its cluster, so that it starts while no server answers. */
export interface KeptCluster {
  settings: ClusterSettings;
  /** `host:port` of the servers, as they were last known. */
  servers: string[];
  /** PEM of what vouches for the servers, and for their clients. */
  serverCa: string;
  clientCa: string;
}

export const backends: readonly Backend[] = ['vxlan', 'host-gw', 'wireguard-native', 'none'];

const fileOf = (dir: string): string => join(dir, 'cluster.json');

export async function readCluster(disk: Disk, dir: string): Promise<KeptCluster | undefined> {
  const bytes = await disk.readIfThere('cluster settings', fileOf(dir));
  if (!bytes) return undefined;
  try {
    const { settings, ...rest } = JSON.parse(bytes.toString()) as Partial<KeptCluster>;
    const checked = checkSettings(settings);
    const { servers, serverCa, clientCa } = rest;
    if (!checked || !Array.isArray(servers) || !servers.every((one) => typeof one === 'string'))
      return undefined;
    return typeof serverCa === 'string' && typeof clientCa === 'string'
      ? { settings: checked, servers, serverCa, clientCa }
      : undefined;
  } catch {
    return undefined; // torn by a power cut: it is asked for again
  }
}

export async function keepCluster(disk: Disk, dir: string, cluster: KeptCluster): Promise<void> {
  const text = `${JSON.stringify(cluster, undefined, 1)}\n`;
  if ((await disk.readIfThere('cluster settings', fileOf(dir)))?.toString() === text) return;
  await disk.writeAtomic('cluster settings', fileOf(dir), text, { mode: 0o600 });
}

/** The settings as a server or the disk has them; undefined when they are not whole. */
export function checkSettings(found: unknown): ClusterSettings | undefined {
  const s = (found ?? {}) as Partial<Record<keyof ClusterSettings, unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const names = Array.isArray(s.disable) ? s.disable.filter((one) => typeof one === 'string') : [];
  const backend = text(s.flannelBackend);
  const settings: ClusterSettings = {
    clusterCidr: text(s.clusterCidr),
    serviceCidr: text(s.serviceCidr),
    clusterDns: text(s.clusterDns),
    clusterDomain: text(s.clusterDomain),
    flannelBackend: backends.find((one) => one === backend) ?? 'vxlan',
    flannelIpv6Masq: s.flannelIpv6Masq === true,
    flannelExternalIp: s.flannelExternalIp === true,
    disable: names,
    disableKubeProxy: s.disableKubeProxy === true,
    disableNetworkPolicy: s.disableNetworkPolicy === true,
    version: text(s.version),
  };
  const whole =
    parseCidrs(settings.clusterCidr) !== undefined &&
    parseCidrs(settings.serviceCidr) !== undefined &&
    parseIpv4(settings.clusterDns) !== undefined &&
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(settings.clusterDomain);
  return whole ? settings : undefined;
}
