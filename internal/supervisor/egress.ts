import { baseOf, cidrHas, isAddress, parseCidr, parseStrictIp } from '../base/addresses.ts';
import type { Pod } from '../api/generated/types/core-v1.ts';
import type { EgressMode } from './handshake-paths.ts';
import { parseServer, type ServerAddress } from './server-list.ts';

/** What of a node may be reached through its tunnels. */
export interface Inward {
  kubeletPort: number;
  /** The node's ranges of pod addresses, with commas between them; none yet: undefined. */
  podCidr(): string | undefined;
  /** The pods that run here, with what the runtime says of them. */
  pods(): readonly Pod[];
  /** The addresses of the machine itself. */
  ownAddresses(): readonly string[];
}

/**
 * Where a server that asks for `authority` (`address:port`) is led, undefined = nowhere. The modes
 * are those of k3s' --egress-selector-mode; the machine's own ports are never among them, but for
 * the kubelet's and those that pods in the network of the machine say they have.
 */
export function ledTo(
  authority: string,
  mode: EgressMode,
  inward: Inward,
): ServerAddress | undefined {
  const at = parseServer(authority);
  if (!at || !isAddress(at.host) || mode === 'disabled') return undefined;
  if (at.host === '127.0.0.1') return at.port === inward.kubeletPort ? at : undefined;
  if (mode === 'pod') return inRange(at, inward) ? at : undefined;
  if (mode === 'cluster')
    return inward.pods().some((pod) => isAt(pod, at, inward)) ? at : undefined;
  return undefined;
}

function inRange({ host }: ServerAddress, { podCidr, ownAddresses }: Inward): boolean {
  const ip = parseStrictIp(host);
  const range =
    ip &&
    (podCidr() ?? '')
      .split(',')
      .map(parseCidr)
      .find((one) => one && cidrHas(one, ip));
  if (!range || !ip) return false;
  // The ends of the pods' links and of the overlay lie in the range, too, and are the machine.
  if (ip === baseOf(range) || ownAddresses().includes(host)) return false;
  return true;
}

/**
 * Whether the address is this pod's. One in the network of the machine has the machine's address,
 * and with it only the ports that it says it has.
 */
function isAt({ spec, status }: Pod, { host, port }: ServerAddress, inward: Inward): boolean {
  // What has ended has given its address back.
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  if (spec.hostNetwork)
    return (
      inward.ownAddresses().includes(host) &&
      port !== inward.kubeletPort &&
      [...(spec.initContainers ?? []), ...spec.containers].some((one) =>
        one.ports?.some(
          ({ containerPort, protocol = 'TCP' }) => containerPort === port && protocol === 'TCP',
        ),
      )
    );
  return (
    !inward.ownAddresses().includes(host) &&
    (status?.podIP === host || (status?.podIPs ?? []).some(({ ip }) => ip === host))
  );
}
