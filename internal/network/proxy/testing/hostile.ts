import type { Pod, Service } from '../../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts';

/** What an object may hold where an address should be, though none of it can be carried out. */
export const hostileHostIps: Record<string, string> = {
  table:
    '1.2.3.4 . tcp . 99 : 10.42.0.99 . 99 }\nadd table ip pwned\nadd chain ip pwned c { type ' +
    'filter hook input priority 0; policy accept; }\n#',
  semicolon: '1.2.3.4; flush ruleset',
  brace: '1.2.3.4 }',
  comma: '1.2.3.4, 5.6.7.8',
  include: 'include "/etc/shadow"',
  define: '$x',
  set: '@eps',
  wildcard: '*',
  newline: '1.2.3.4\n',
  range: '1.2.3.4-1.2.3.9',
  network: '1.2.3.0/24x',
  high: '256.1.1.1',
  short: '1.2.3',
  ipv6: '::1',
  mapped: '::ffff:1.2.3.4',
  name: 'localhost',
  nul: '1.2.3.4\0',
};

export const podWithHostIp = (hostIP: string, more: object = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'ns' },
    spec: {
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080, hostIP, ...more }] }],
    },
    status: { phase: 'Running', podIP: '10.42.0.9' },
  }) as Pod;

export const serviceOf = (spec: object, ingress?: string): Service =>
  ({
    metadata: { name: 's', namespace: 'ns' },
    spec: { clusterIPs: ['10.43.0.7'], ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    status: ingress === undefined ? {} : { loadBalancer: { ingress: [{ ip: ingress }] } },
  }) as Service;

export const sliceOf = (address: string, port: unknown = 8080): EndpointSlice =>
  ({
    metadata: { name: 's-x', namespace: 'ns' },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ port, protocol: 'TCP' }],
  }) as EndpointSlice;
