import type { Pod } from '../../api/generated/types/core-v1.ts';
import { parsePort } from '../../base/addresses.ts';
import { msOf } from '../../api/times.ts';
import { parseIp, type Ip } from '../../base/addresses.ts';
import { rangeHas, type Range } from '../../base/address-ranges.ts';
import type { PodFacts } from './groups.ts';
import type { PodClaim } from './planner.ts';
import { parseProtocol } from './rules.ts';

/** What the node's agent says of a pod whose sandbox it has made. */
export interface Told {
  pod: Pod;
  addresses: Ip[];
  /** Rises: of two pods with one address the newer has it. */
  order: number;
  /** The state of the plan that holds the pod. */
  revision: number;
}

/** Above the rank of whoever has an address by its status alone. */
const toldRank = 2 ** 50;

/** A pod with addresses of its own that still runs. */
function hasOwnAddress(pod: Pod): boolean {
  return (
    !pod.spec.hostNetwork && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  );
}

/** This node's pod: by what the agent told, else by its status. `shown` has the labels of now. */
export function localClaim(
  key: string,
  shown: Pod | undefined,
  told: Told | undefined,
): PodClaim | undefined {
  const pod = shown ?? told?.pod;
  if (!pod) return undefined;
  if (told)
    return { ...factsOf(key, pod, told.addresses), local: true, rank: toldRank + told.order };
  return hasOwnAddress(pod)
    ? { ...factsOf(key, pod, statusAddresses(pod)), local: true, rank: rankOf(pod) }
    : undefined;
}

/**
 * A pod of another node. Its node may be hostile: an address of this node's own network is none of
 * its.
 */
export function remoteClaim(
  key: string,
  pod: Pod,
  ownRanges: readonly Range[],
): PodClaim | undefined {
  if (!hasOwnAddress(pod)) return undefined;
  const addresses = statusAddresses(pod).filter((a) => !ownRanges.some((r) => rangeHas(r, a)));
  return addresses.length > 0
    ? { ...factsOf(key, pod, addresses), local: false, rank: rankOf(pod) }
    : undefined;
}

/** Equal for claims that change nothing. */
export function claimText(claim: PodClaim | undefined): string {
  return claim
    ? JSON.stringify([claim.labels, claim.addresses, claim.ports, claim.rank, claim.local])
    : '';
}

function statusAddresses(pod: Pod): Ip[] {
  const texts = new Set([
    ...(pod.status?.podIPs ?? []).map((p) => p.ip),
    ...(pod.status?.podIP ? [pod.status.podIP] : []),
  ]);
  return [...texts].flatMap((text) => parseIp(text) ?? []);
}

const rankOf = (pod: Pod): number =>
  msOf(pod.status?.startTime ?? pod.metadata.creationTimestamp) || 0;

function factsOf(key: string, pod: Pod, addresses: Ip[]): PodFacts {
  return {
    key,
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels,
    addresses,
    ports: portsOf(pod),
  };
}

/** Named ports of all containers that run beside each other. */
function portsOf(pod: Pod): PodFacts['ports'] {
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers.flatMap((c) =>
    (c.ports ?? []).flatMap((p) => {
      const [protocol, port] = [parseProtocol(p.protocol), parsePort(p.containerPort)];
      return p.name && protocol && port ? [{ name: p.name, protocol, port }] : [];
    }),
  );
}
