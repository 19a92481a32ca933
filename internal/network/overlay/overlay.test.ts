import { describe, expect, it } from 'vitest';
import { cniConfig } from './cni.ts';
import { routeChanges } from './host-gw.ts';
import { peersOf } from './peers.ts';
import { peerCommands, vtepMac } from './vxlan.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';

const node = (name: string, podCIDR: string, ip: string): Node =>
  ({ metadata: { name }, spec: { podCIDR }, status: { addresses: [{ type: 'InternalIP', address: ip }] } }) as unknown as Node;

describe('vxlan', () => {
  it('derives the VTEP address from the pod network', () => {
    expect(vtepMac('10.42.1.0/24')).toBe('0a:58:0a:2a:01:00');
  });

  it('writes a neighbour, a forwarding entry and a route for each peer', () => {
    const peers = peersOf([node('a', '10.42.0.0/24', '172.30.0.1'), node('b', '10.42.1.0/24', '172.30.0.2')], 'a');
    expect(peerCommands(new Map(), peers)).toEqual({
      ip: ['neigh replace 10.42.1.0 lladdr 0a:58:0a:2a:01:00 dev flannel.1 nud permanent', 'route replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 onlink'],
      bridge: ['fdb replace 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.2 self permanent'],
    });
    expect(peerCommands(peers, peers)).toEqual({ ip: [], bridge: [] });
    expect(peerCommands(peers, new Map()).ip).toHaveLength(2);
  });

  it('follows a node to its new address without touching its route', () => {
    const before = new Map([['10.42.1.0/24', { podCidr: '10.42.1.0/24', ip: '172.30.0.2' }]]);
    const after = new Map([['10.42.1.0/24', { podCidr: '10.42.1.0/24', ip: '172.30.0.9' }]]);
    expect(peerCommands(before, after).bridge).toEqual([
      'fdb del 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.2',
      'fdb replace 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.9 self permanent',
    ]);
  });
});

describe('host-gw', () => {
  const peers = (...list: [string, string][]) => new Map(list.map(([podCidr, ip]) => [podCidr, { podCidr, ip }]));

  it('routes each pod network over its node and writes only what differs', () => {
    const one = peers(['10.42.1.0/24', '172.30.0.2']);
    expect(routeChanges(new Map(), one)).toEqual({ replace: ['10.42.1.0/24 via 172.30.0.2'], remove: [] });
    expect(routeChanges(one, one)).toEqual({ replace: [], remove: [] });
    expect(routeChanges(one, peers(['10.42.1.0/24', '172.30.0.9']))).toEqual({ replace: ['10.42.1.0/24 via 172.30.0.9'], remove: [] });
    expect(routeChanges(one, new Map())).toEqual({ replace: [], remove: ['10.42.1.0/24 via 172.30.0.2'] });
  });
});

describe('cniConfig', () => {
  it('is a ptp list with the pod network of the node', () => {
    const list = JSON.parse(cniConfig({ podCidr: '10.42.0.0/24', mtu: 1450, ipamDir: '/run/skiff/ipam' })) as { plugins: { type: string; ipam: { ranges: unknown } }[] };
    expect(list.plugins[0]?.type).toBe('ptp');
    expect(list.plugins[0]?.ipam.ranges).toEqual([[{ subnet: '10.42.0.0/24' }]]);
  });
});
