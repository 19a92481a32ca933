import { describe, expect, it } from 'vitest';
import { parseIpv4, parsePort, type Ipv4, type Port } from '../../base/addresses.ts';
import { partOf } from '../../base/testing/part-of.ts';
import type { Backend, HostPort, ServicePort } from './service-ports.ts';
import { staleFlows, type Ways } from './stale-flows.ts';

const ip = (text: string): Ipv4 => parseIpv4(text) as Ipv4;
const portOf = (n: number): Port => parsePort(n) as Port;
const backend = (last: number): Backend => ({
  ip: ip(`10.42.0.${last}`),
  port: portOf(53),
  local: false,
});
const service = (backends: number[], more: object = {}): ServicePort =>
  partOf<ServicePort>({
    name: 'default/dns',
    protocol: 'udp',
    port: 53,
    nodePort: 30053,
    clusterIps: ['10.43.0.9'],
    externalIps: [],
    loadBalancerIps: ['192.168.0.1'],
    backends: backends.map(backend),
    local: [],
    ...more,
  });
const host = (last: number, more: object = {}): HostPort =>
  partOf<HostPort>({
    hostIp: undefined,
    port: 53,
    protocol: 'udp',
    podIp: `10.42.0.${last}`,
    podPort: 5353,
    ...more,
  });
const stale = (before: Partial<Ways>, now: Partial<Ways>): string[] => [
  ...staleFlows(
    { ports: [], hosts: [], ...before },
    { ports: [], hosts: [], ...now },
    ip('192.168.0.1'),
  ),
];

describe('UDP flows that a change leaves wrong', () => {
  const own = ['--orig-dst 192.168.0.1 --dport 53', '--dport 30053'];
  const all = ['--orig-dst 10.43.0.9 --dport 53', ...own];
  it.each<[string, Partial<Ways>, Partial<Ways>, string[]]>([
    ['none when endpoints come', { ports: [service([1])] }, { ports: [service([1, 2])] }, []],
    ['when one goes', { ports: [service([1, 2])] }, { ports: [service([2])] }, all],
    ['when the first one comes', { ports: [service([])] }, { ports: [service([1])] }, all],
    ['when the Service goes', { ports: [service([1])] }, {}, all],
    ['when the Service comes: those to the node', {}, { ports: [service([1])] }, own],
    ['none of TCP', { ports: [service([1], { protocol: 'tcp' })] }, {}, []],
    [
      "when a node's port has another pod",
      { hosts: [host(1)] },
      { hosts: [host(2)] },
      ['--dport 53 --reply-src 10.42.0.1', '--dport 53 --orig-dst 192.168.0.1'],
    ],
    [
      'when a port of one address comes',
      {},
      { hosts: [host(1, { hostIp: '192.168.0.7' })] },
      ['--dport 53 --orig-dst 192.168.0.7'],
    ],
    ['none when it stays', { hosts: [host(1)] }, { hosts: [host(1)] }, []],
    ['none of a port of TCP', { hosts: [host(1, { protocol: 'tcp' })] }, {}, []],
  ])('%s', (_what, before, now, expected) => {
    expect(stale(before, now)).toEqual(expected);
  });
});
