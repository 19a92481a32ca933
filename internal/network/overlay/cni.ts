import { familyOf, type Cidr } from '../../base/addresses.ts';
import type { Disk } from '../../io/disk.ts';

/** Ethernet frame minus VXLAN's 50 bytes. */
export const podMtu = 1450;

/**
 * The CNI list for this node's pods: ptp, because what is routed needs neither br_netfilter nor a
 * hairpin flag. IPAM's files lie on tmpfs, so that a reboot frees every address.
 */
export function cniConfig(options: {
  /** One of each family of the cluster; a pod gets an address of each. */
  podCidrs: readonly Cidr[];
  mtu: number;
  ipamDir: string;
}): string {
  const { podCidrs } = options;
  const ipam = {
    type: 'host-local',
    ranges: podCidrs.map((subnet) => [{ subnet }]),
    routes: podCidrs.map((cidr) => ({ dst: familyOf(cidr) === 4 ? '0.0.0.0/0' : '::/0' })),
    dataDir: options.ipamDir,
  };
  const list = {
    cniVersion: '0.4.0',
    name: 'cbr0',
    plugins: [{ type: 'ptp', mtu: options.mtu, ipMasq: false, ipam }],
  };
  return JSON.stringify(list, null, 2) + '\n';
}

/** Writes the list where containerd looks, unless the same stands there. */
export async function writeCniConfig(disk: Disk, confDir: string, text: string): Promise<boolean> {
  const file = `${confDir}/10-skiff.conflist`;
  await disk.makeDir('cni.dir', confDir, 0o755);
  const before = (await disk.readIfThere('cni.read', file))?.toString();
  if (before === text) return false;
  await disk.writeAtomic('cni.write', file, text);
  return true;
}
