import { describe, expect, it } from 'vitest';
import { hostPorts, servicePorts } from './service-ports.ts';
import { hostileHostIps, podWithHostIp, serviceOf, sliceOf } from './testing/hostile.ts';
import { node } from './testing/samples.ts';

const read = (
  service: Parameters<typeof servicePorts>[0],
  ...slices: ReturnType<typeof sliceOf>[]
) => {
  const said: string[] = [];
  const ports = servicePorts(service, slices, {
    nodeName: 'n',
    clusterRanges: [node.clusterCidr, ...node.serviceCidrs],
    leftOut: (what) => void said.push(what),
  });
  return { port: ports[0], ports, said };
};

describe('servicePorts', () => {
  it('reads what can be carried out', () => {
    const { port, said } = read(
      serviceOf(
        {
          type: 'LoadBalancer',
          externalIPs: ['203.0.113.1'],
          loadBalancerSourceRanges: [' 10.1.2.3/8 '],
          ports: [{ port: 53, protocol: 'UDP', nodePort: 30053 }],
        },
        '198.51.100.1',
      ),
    );
    expect(port).toMatchObject({
      protocol: 'udp',
      port: 53,
      nodePort: 30053,
      clusterIps: ['10.43.0.7'],
      externalIps: ['203.0.113.1'],
      loadBalancerIps: ['198.51.100.1'],
      sourceRanges: ['10.0.0.0/8'],
    });
    expect(said).toEqual([]);
  });

  it.each(Object.entries(hostileHostIps))(
    'leaves out %s wherever an address should be, and keeps the rest',
    (_name, text) => {
      const { port } = read(
        serviceOf(
          {
            type: 'LoadBalancer',
            externalIPs: [text, '203.0.113.1'],
            loadBalancerSourceRanges: [text],
          },
          text,
        ),
        sliceOf(text),
        sliceOf('10.42.0.5'),
      );
      expect(port).toMatchObject({
        externalIps: ['203.0.113.1'],
        loadBalancerIps: [],
        sourceRanges: [],
        backends: [{ ip: '10.42.0.5', port: 8080 }],
      });
      expect(read(serviceOf({ clusterIPs: [text] })).ports).toEqual([]);
      expect(hostPorts(podWithHostIp(text))).toEqual([]);
      expect(
        hostPorts({ ...podWithHostIp(''), status: { phase: 'Running', podIP: text } } as never),
      ).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255'])(
    'sends nothing to %s',
    (text) => {
      expect(read(serviceOf({ externalIPs: [text] }), sliceOf(text)).port).toMatchObject({
        externalIps: [],
        backends: [],
      });
    },
  );

  it.each(['10.43.0.10', '10.43.0.1', '10.42.0.5'])(
    'lets no Service claim %s, which the cluster gives out',
    (text) => {
      const { port, said } = read(serviceOf({ type: 'LoadBalancer', externalIPs: [text] }, text));
      expect(port).toMatchObject({ externalIps: [], loadBalancerIps: [] });
      expect(said).toHaveLength(2);
    },
  );

  it.each([[0], [65536], [-1], [1.5], ['80'], ['80 . 0 : 1.2.3.4 . 80 }'], [null]])(
    'knows no port %s',
    (value) => {
      expect(read(serviceOf({ ports: [{ port: value, protocol: 'TCP' }] })).ports).toEqual([]);
      expect(read(serviceOf({}), sliceOf('10.42.0.5', value)).port?.backends).toEqual([]);
      expect(hostPorts(podWithHostIp('', { hostPort: value }))).toEqual([]);
      expect(hostPorts(podWithHostIp('', { containerPort: value }))).toEqual([]);
    },
  );

  it.each(['ICMP', 'tcp }', 'TCP\nadd table ip x', 'constructor'])(
    'knows no protocol %s',
    (protocol) => {
      expect(read(serviceOf({ ports: [{ port: 80, protocol }] })).ports).toEqual([]);
      expect(hostPorts(podWithHostIp('', { protocol }))).toEqual([]);
    },
  );
});
