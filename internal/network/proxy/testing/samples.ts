import {
  parseIpv4,
  parseIpv4Cidr,
  parsePort,
  type Ipv4,
  type Ipv4Cidr,
  type Port,
} from '../../../base/addresses.ts';
import type { NodeNetwork } from '../ruleset.ts';
import { nextBuckets, noBuckets, type Affinity } from '../affinity.ts';
import type { Backend, ServicePort } from '../service-ports.ts';

export const ip = (text: string): Ipv4 => parseIpv4(text)!;
export const cidr = (text: string): Ipv4Cidr => parseIpv4Cidr(text)!;
export const number = (n: number): Port => parsePort(n)!;

export const node: NodeNetwork = {
  clusterCidr: cidr('10.42.0.0/16'),
  serviceCidrs: [cidr('10.43.0.0/16'), cidr('10.196.0.0/28')],
  dnsAddress: ip('10.43.0.10'),
  dnsPort: undefined,
  services: true,
  podsLeave: true,
};
export const backend = (n: number, local = true): Backend => ({
  ip: ip(`10.42.${n >> 8}.${n & 255}`),
  port: number(8080),
  local,
});

/** A service port with two endpoints, one of them on this node. */
export const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  name: 'default/web:',
  protocol: 'tcp',
  port: number(80),
  clusterIps: [ip('10.43.0.5')],
  externalIps: [],
  loadBalancerIps: [],
  sourceRanges: undefined,
  nodePort: undefined,
  affinity: undefined,
  internalLocal: false,
  externalLocal: false,
  ...(() => {
    const { backends = [backend(2), backend(3, false)] } = more;
    const local = backends.filter((b) => b.local);
    return { backends, local, readyHere: [...new Set(local.map(({ ip }) => ip))] };
  })(),
  ...more,
});

/** What clients of these endpoints are promised. */
export const affinity = (backends: Backend[], timeoutS = 10_800): Affinity => ({
  timeoutS,
  all: nextBuckets(noBuckets, backends),
  local: nextBuckets(
    noBuckets,
    backends.filter((b) => b.local),
  ),
});
