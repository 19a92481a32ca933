import { describe, expect, it } from 'vitest';
import { cniConfig } from './cni.ts';
import { routeChanges } from './host-gw.ts';
import { parseIpv4, parseIpv4Cidr, parseIpv6Cidr, type Ipv4Cidr } from '../../base/addresses.ts';
import { hasRoute, peersOf, type Peers } from './peers.ts';
import { flannelAnnotations } from './annotations.ts';
import { parseMac, vtepMac } from './mac.ts';
import { peerCommands } from './vxlan.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';

const cidr = (text: string): Ipv4Cidr => parseIpv4Cidr(text)!;
const here = { nodeName: 'a', clusterCidr: cidr('10.42.0.0/16') };
const peers = (...list: [string, string][]): Peers =>
  new Map(
    list.map(([net, ip]) => [
      cidr(net),
      { podCidr: cidr(net), ip: parseIpv4(ip)!, mac: vtepMac(cidr(net)) },
    ]),
  );
const node = (name: string, podCIDR: string, ip: string): Node =>
  ({
    metadata: { name },
    spec: { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }) as Node;

describe('vxlan', () => {
  it('derives the VTEP address from the pod network', () => {
    expect(vtepMac(cidr('10.42.1.0/24'))).toBe('0a:58:0a:2a:01:00');
  });

  it('writes a neighbour, a forwarding entry and a route for each peer', () => {
    const found = peersOf(
      [node('a', '10.42.0.0/24', '172.30.0.1'), node('b', '10.42.1.0/24', '172.30.0.2')],
      here,
    );
    expect(peerCommands(new Map(), found)).toEqual({
      ip: [
        'neigh replace 10.42.1.0 lladdr 0a:58:0a:2a:01:00 dev flannel.1 nud permanent',
        'route replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 onlink',
      ],
      bridge: ['fdb replace 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.2 self permanent'],
    });
    expect(peerCommands(found, found)).toEqual({ ip: [], bridge: [] });
    expect(peerCommands(found, new Map()).ip).toHaveLength(2);
  });

  it('follows a node to its new address without touching its route', () => {
    expect(
      peerCommands(peers(['10.42.1.0/24', '172.30.0.2']), peers(['10.42.1.0/24', '172.30.0.9']))
        .bridge,
    ).toEqual([
      'fdb del 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.2',
      'fdb replace 0a:58:0a:2a:01:00 dev flannel.1 dst 172.30.0.9 self permanent',
    ]);
  });
});

describe('a node whose network another program makes', () => {
  const data = (VtepMAC: unknown): Record<string, string> => ({
    'flannel.alpha.coreos.com/backend-type': 'vxlan',
    'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC }),
  });
  const foreign = (name: string, n: number, annotations?: Record<string, string>): Node => {
    const made = node(name, `10.42.${n}.0/24`, `172.30.0.${n}`);
    return {
      ...made,
      metadata: { ...made.metadata, ...(annotations && { annotations }) },
      status: { ...made.status, nodeInfo: { kubeletVersion: 'v1.36.3' } },
    } as Node;
  };
  const found = (nodes: Node[], faults: string[] = []): string[] =>
    [...peersOf(nodes, here, (what) => faults.push(what)).values()].map((one) => one.mac);

  it('is reached at the device that its Flannel shows', () => {
    expect(found([foreign('b', 1, data('6E:7A:01:02:03:04'))])).toEqual(['6e:7a:01:02:03:04']);
    const [before] = [peersOf([foreign('b', 1, data('6e:7a:01:02:03:04'))], here)];
    const after = peersOf([foreign('b', 1, data('6e:7a:01:02:03:05'))], here);
    expect(peerCommands(before, after)).toEqual({
      ip: [
        'neigh replace 10.42.1.0 lladdr 6e:7a:01:02:03:05 dev flannel.1 nud permanent',
        'route replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 onlink',
      ],
      bridge: [
        'fdb del 6e:7a:01:02:03:04 dev flannel.1 dst 172.30.0.1',
        'fdb replace 6e:7a:01:02:03:05 dev flannel.1 dst 172.30.0.1 self permanent',
      ],
    });
  });

  it('gets no way through the overlay when it has no part in it', () => {
    const faults: string[] = [];
    expect(found([foreign('b', 1)], faults)).toEqual([]);
    expect(faults).toEqual([expect.stringContaining('no Flannel runs there')]);
    const plain = peersOf([foreign('b', 1)], { ...here, plain: true });
    expect([...plain.values()].map(({ ip }) => ip)).toEqual(['172.30.0.1']);
  });

  it('draws nobody else to itself, whatever it shows', () => {
    const faults: string[] = [];
    const mine = vtepMac(cidr('10.42.0.0/24'));
    const taken = [
      node('a', '10.42.0.0/24', '172.30.0.9'),
      foreign('b', 1, data(mine)),
      foreign('c', 2, data('6e:7a:01:02:03:04')),
      foreign('d', 3, data('6E:7A:01:02:03:04')),
    ];
    expect(found(taken, faults)).toEqual(['6e:7a:01:02:03:04']);
    expect(faults).toHaveLength(2);
    for (const no of [
      'ff:ff:ff:ff:ff:ff',
      '01:00:5e:00:00:01',
      '0:0:0:0:0:0',
      'x; reboot',
      7,
      null,
    ])
      expect(parseMac(no)).toBeUndefined();
    expect(parseMac('00:00:00:00:00:00')).toBeUndefined();
  });

  it('finds ours, in the words that it knows', () => {
    const self = node('a', '10.42.7.0/24', '172.30.0.7');
    expect(flannelAnnotations({ backend: 'vxlan' }, '172.30.0.7', self)).toEqual({
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"0a:58:0a:2a:07:00"}',
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/public-ip': '172.30.0.7',
    });
    expect(flannelAnnotations({ backend: 'vxlan' }, '172.30.0.7')).toEqual({});
  });
});

describe('a cluster with IPv6, too', () => {
  const both = { ...here, clusterCidr6: parseIpv6Cidr('fd42::/56')! };
  const dual = (name: string, n: number, six: string): Node => {
    const made = node(name, `10.42.${n}.0/24`, `172.30.0.${n + 1}`);
    return { ...made, spec: { ...made.spec, podCIDRs: [`10.42.${n}.0/24`, six] } };
  };
  const found = (...nodes: Node[]): Peers =>
    peersOf([dual('a', 0, 'fd42::/64'), ...nodes], both, () => undefined);

  it('has ways of both families through one device', () => {
    const peers = found(dual('b', 1, 'fd42:0:0:1::/64'));
    const { ip, bridge } = peerCommands(new Map(), peers);
    expect(ip).toEqual([
      'neigh replace 10.42.1.0 lladdr 0a:58:0a:2a:01:00 dev flannel.1 nud permanent',
      'route replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 onlink',
      'neigh replace fd42:0:0:1:: lladdr 0a:58:0a:2a:01:00 dev flannel.1 nud permanent',
      'route replace fd42:0:0:1::/64 via fd42:0:0:1:: dev flannel.1 onlink',
    ]);
    expect(bridge).toHaveLength(1);
    // A node that had IPv4 alone gets the rest.
    const before = found(node('b', '10.42.1.0/24', '172.30.0.2'));
    expect(peerCommands(before, peers).ip).toEqual(ip);
    expect(peerCommands(peers, before).ip).toEqual([
      'route del fd42:0:0:1::/64 via fd42:0:0:1:: dev flannel.1 onlink',
      'neigh del fd42:0:0:1:: dev flannel.1',
      ...ip.slice(0, 2),
    ]);
  });

  it.each([
    ['another cluster', 'fd99::/64'],
    ['this node', 'fd42::/64'],
    ['a part of this node', 'fd42::1:0/112'],
    ['the whole', 'fd42::/56'],
    ['commands', 'fd42:0:0:1::/64 dev lo\nlink del eth0'],
    ['an IPv4 range', '10.42.9.0/24'],
  ])('gives no way to a range of %s', (_what, six) => {
    const [peer] = found(dual('evil', 9, six)).values();
    expect(peer).toEqual({
      podCidr: '10.42.9.0/24',
      ip: '172.30.0.10',
      mac: vtepMac(cidr('10.42.9.0/24')),
    });
  });
});

describe('host-gw', () => {
  it('routes each pod network over its node and writes only what differs', () => {
    const one = peers(['10.42.1.0/24', '172.30.0.2']);
    expect(routeChanges(new Map(), one)).toEqual({
      replace: ['10.42.1.0/24 via 172.30.0.2'],
      remove: [],
    });
    expect(routeChanges(one, one)).toEqual({ replace: [], remove: [] });
    expect(routeChanges(one, peers(['10.42.1.0/24', '172.30.0.9']))).toEqual({
      replace: ['10.42.1.0/24 via 172.30.0.9'],
      remove: [],
    });
    expect(routeChanges(one, new Map())).toEqual({
      replace: [],
      remove: ['10.42.1.0/24 via 172.30.0.2'],
    });
  });
});

describe("the kernel's routes", () => {
  const head =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT   ';
  const table =
    `${head}\neth0\t00000000\tFE001FAC\t0003\t0\t0\t0\t00000000\t0\t0\t0   \n` +
    'flannel.1\t00012A0A\t00012A0A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n' +
    'flannel.1\t00082A0A\t0\t0003\t0\t0\t0\t00FCFFFF\t0\t0\t0   \n';
  it.each([
    ['10.42.1.0/24', true],
    ['10.42.2.0/24', false],
    ['10.42.1.0/25', false],
    ['10.42.8.0/22', true],
    ['0.0.0.0/0', true],
  ] as const)('%s: %s', (network, there) => {
    expect(hasRoute(table, cidr(network))).toBe(there);
  });
});

describe('a hostile node', () => {
  const good = node('b', '10.42.1.0/24', '172.30.0.2');
  const told = (...nodes: Node[]): { peers: string[]; said: string[] } => {
    const said: string[] = [];
    return {
      peers: [
        ...peersOf([node('a', '10.42.0.0/24', '172.30.0.1'), good, ...nodes], here, (what) =>
          said.push(what),
        ).values(),
      ].map((p) => `${p.podCidr} ${p.ip}`),
      said,
    };
  };
  const young = (podCIDR: string, ip: string): Node => {
    const made = node('evil', podCIDR, ip);
    return { ...made, metadata: { ...made.metadata, creationTimestamp: '2030-01-01T00:00:00Z' } };
  };

  it.each([
    [
      'commands in its address',
      young('10.42.9.0/24', '172.30.0.9 nud permanent\nroute replace default via 172.30.0.9'),
    ],
    ['commands in its network', young('10.42.9.0/24 dev lo\nlink del eth0', '172.30.0.9')],
    ['an option for its network', young('-batch', '172.30.0.9')],
    ['the whole pod network', young('10.42.0.0/16', '172.30.0.9')],
    ['one address of another node', young('10.42.1.7/32', '172.30.0.9')],
    ['one address of this node', young('10.42.0.7/32', '172.30.0.9')],
    ['the world', young('0.0.0.0/0', '172.30.0.9')],
    ['the services', young('10.43.0.0/16', '172.30.0.9')],
    ['a way through its own pods', young('10.42.9.0/24', '10.42.1.2')],
    ['this machine as its address', young('10.42.9.0/24', '127.0.0.1')],
  ])('gets no way for %s, and the others keep theirs', (_what, evil) => {
    const { peers: ways, said } = told(evil);
    expect(ways).toEqual(['10.42.1.0/24 172.30.0.2']);
    expect(said).toHaveLength(1);
  });
});

describe('cniConfig', () => {
  it('is a ptp list with the pod network of the node', () => {
    const list = JSON.parse(
      cniConfig({ podCidrs: [cidr('10.42.0.0/24')], mtu: 1450, ipamDir: '/run/skiff/ipam' }),
    ) as { plugins: { type: string; ipam: { ranges: unknown } }[] };
    expect(list.plugins[0]?.type).toBe('ptp');
    expect(list.plugins[0]?.ipam.ranges).toEqual([[{ subnet: '10.42.0.0/24' }]]);
  });
});
