import type { Node } from '../../api/generated/types/core-v1.ts';
import { parseIpv4Cidr } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import { parseKey, type WireguardKey } from './wireguard-key.ts';
import { parseMac, vtepMac, type Mac } from './mac.ts';

/** Flannel's annotations of a Node: what its backend is, and what others need to reach it. */
const prefix = 'flannel.alpha.coreos.com/';

/** The backend of a node, as Flannel names it, and its public half. */
export type Shown =
  | { backend: 'vxlan' }
  | { backend: 'host-gw' }
  | { backend: 'wireguard'; key: WireguardKey };

/** What a node writes of itself; with VXLAN that needs its pod network, and is empty before. */
export function flannelAnnotations(shown: Shown, ip: string, node?: Node): Record<string, string> {
  const podCidr = parseIpv4Cidr(node?.spec?.podCIDR);
  if (shown.backend === 'vxlan' && !podCidr) return {};
  const data =
    shown.backend === 'wireguard'
      ? { PublicKey: shown.key }
      : shown.backend === 'vxlan' && podCidr
        ? { VNI: 1, VtepMAC: vtepMac(podCidr) }
        : null;
  return {
    [`${prefix}backend-type`]: shown.backend,
    [`${prefix}backend-data`]: JSON.stringify(data),
    [`${prefix}kube-subnet-manager`]: 'true',
    [`${prefix}public-ip`]: ip,
  };
}

/** The backend's data that a node shows; it may be hostile, and any text. */
function dataOf(node: Node): { PublicKey?: unknown; VtepMAC?: unknown } {
  const text = own(node.metadata.annotations, `${prefix}backend-data`);
  try {
    const data: unknown = JSON.parse(text ?? '');
    return typeof data === 'object' && data !== null ? data : {};
  } catch {
    return {};
  }
}

export const publicKeyOf = (node: Node): WireguardKey | undefined =>
  parseKey(dataOf(node).PublicKey);

/** The address of a node's VXLAN device, when it shows one. */
export const vtepMacOf = (node: Node): Mac | undefined => parseMac(dataOf(node).VtepMAC);

/**
 * Whether a node takes part in Flannel's network: it says so, or it is one of skiff, which has
 * joined a moment ago. Another kubelet's node without Flannel has a network of somebody else's.
 */
export function takesPart(node: Node): boolean {
  const version = node.status?.nodeInfo?.kubeletVersion;
  return (
    own(node.metadata.annotations, `${prefix}backend-type`) !== undefined ||
    version === undefined ||
    version.includes('+skiff')
  );
}
