import { expect, test } from 'vitest';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { ledTo, type Inward } from './egress.ts';
import { egressModes, type EgressMode } from './handshake-paths.ts';

const pod = (more: { spec?: object; status?: object }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    containers: [{ name: 'c', image: 'i', resources: {}, ports: [{ containerPort: 8080 }] }],
    ...more.spec,
  },
  status: { phase: 'Running', ...more.status },
});
const at = (ip: string): object => ({ podIP: ip, podIPs: [{ ip }] });
const inward: Inward = {
  kubeletPort: 10250,
  podCidr: () => '10.42.1.0/24',
  ownAddresses: () => ['127.0.0.1', '::1', '192.0.2.7', '10.42.1.0', '10.42.1.1'],
  pods: () => [
    pod({ status: at('10.42.1.9') }),
    pod({ status: { ...at('10.42.1.10'), phase: 'Succeeded' } }),
    pod({ status: { podIP: '10.42.1.11', podIPs: [{ ip: '10.42.1.11' }, { ip: 'fd00::11' }] } }),
    pod({ spec: { hostNetwork: true }, status: at('192.0.2.7') }),
    pod({
      spec: {
        hostNetwork: true,
        containers: [
          {
            name: 'c',
            image: 'i',
            ports: [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 10250 }],
          },
        ],
      },
      status: at('192.0.2.7'),
    }),
    pod({ status: at('10.42.1.1') }),
    pod({ status: {} }),
  ],
};

/** Which modes lead somewhere. */
const modesFor = (authority: string): string =>
  egressModes.filter((mode: EgressMode) => ledTo(authority, mode, inward)).join(' ');

test.each([
  ['the kubelet', '127.0.0.1:10250', 'agent pod cluster'],
  ['another port of the machine', '127.0.0.1:22', ''],
  ['the same by another name', 'localhost:10250', ''],
  ['the kubelet, by an address that is not loopback', '192.0.2.7:10250', ''],
  ['the API of the containers, by IPv6', '[::1]:10250', ''],
  ['a pod', '10.42.1.9:8080', 'pod cluster'],
  ['a port that it does not speak of', '10.42.1.9:9', 'pod cluster'],
  ['the other address of a pod', '[fd00::11]:80', 'cluster'],
  ['what has ended', '10.42.1.10:8080', 'pod'],
  ['an address of the range that is nobody', '10.42.1.77:80', 'pod'],
  ['an address of another node', '10.42.2.9:8080', ''],
  ["the machine's end of the overlay", '10.42.1.0:22', ''],
  ["the machine's end of a pod's link, whoever claims it", '10.42.1.1:22', ''],
  ['a pod in the network of the machine', '192.0.2.7:8080', 'cluster'],
  ['a port there that no pod has', '192.0.2.7:22', ''],
  ['a port there for UDP alone', '192.0.2.7:53', ''],
  ['elsewhere', '203.0.113.1:443', ''],
  ['a name', 'example.com:443', ''],
  ['no port', '10.42.1.9', ''],
  ['no port that there is', '10.42.1.9:0', ''],
  ['nothing', '', ''],
])('%s (%s) is led to by: %s', (_what, authority, modes) => {
  expect(modesFor(authority)).toBe(modes);
});

test('a node without a range leads to nobody by it', () => {
  for (const podCidr of [undefined, '', 'no/8'])
    expect(ledTo('10.42.1.9:80', 'pod', { ...inward, podCidr: () => podCidr })).toBeUndefined();
});
