import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIpv6, parseIpv6Cidr, type Cidr, type Family, type Ip } from '../../base/addresses.ts';
import { loadedRuleset } from '../nft/testing/ruleset.ts';
import { makePlan, standingChains, type Plan } from './plan.ts';
import { difference, fullRuleset } from './ruleset.ts';
import { hostPorts, servicePorts } from './service-ports.ts';
import { affinity, backend, cidr, ip, node, number, port } from './testing/samples.ts';
import { hostileHostIps, podWithHostIp, serviceOf, sliceOf } from './testing/hostile.ts';

interface Shape {
  n: number;
  count: number;
  affinity: boolean;
  nodePort: boolean;
  local: boolean;
  udp: boolean;
  ranges: number[];
}

/** What a sample of IPv4 is called in the other family, and the node there. */
const families = {
  4: { ip, cidr, node },
  6: {
    ip: (text: string): Ip => parseIpv6(`fd00::${text}`)!,
    cidr: (text: string): Cidr => {
      const [address, bits] = text.split('/');
      return parseIpv6Cidr(`fd00::${address}/${96 + Number(bits)}`)!;
    },
    node: {
      ...node,
      clusterCidr: parseIpv6Cidr('fd42::/56')!,
      serviceCidrs: [parseIpv6Cidr('fd43::/112')!],
      dnsAddress: undefined,
      masquerade: false,
    },
  },
};

const plan = (shapes: Shape[], family: Family = 4): Plan => {
  const { ip, cidr } = families[family];
  return makePlan(
    shapes.map((s) => {
      const backends = Array.from({ length: s.count }, (_, i) => {
        const one = backend(i + 2, i % 2 === 0);
        return { ...one, ip: ip(one.ip) };
      });
      return port({
        clusterIps: [ip('10.43.0.5')],
        port: number(s.n),
        protocol: s.udp ? 'udp' : 'tcp',
        affinity: s.affinity ? affinity(backends) : undefined,
        externalLocal: s.local,
        nodePort: s.nodePort ? number(30000 + s.n) : undefined,
        loadBalancerIps: s.ranges.length > 0 ? [ip('192.0.2.1')] : [],
        sourceRanges:
          s.ranges.length > 0 ? s.ranges.map((bits) => cidr(`10.${bits}.0.0/${bits}`)) : undefined,
        backends,
      });
    }),
    [
      {
        hostIp: ip('127.0.0.1'),
        port: number(8080),
        protocol: 'tcp',
        podIp: ip('10.42.0.9'),
        podPort: number(80),
      },
      {
        hostIp: undefined,
        port: number(53),
        protocol: 'udp',
        podIp: ip('10.42.0.9'),
        podPort: number(53),
      },
    ],
  );
};

describe('nft', () => {
  it.each([4, 6] as const)(
    'of IPv%i takes every change, and ends where a load would',
    async (family) => {
      const { node } = families[family];
      const shape = fc.record({
        n: fc.integer({ min: 1, max: 4 }),
        count: fc.integer({ min: 0, max: 5 }),
        affinity: fc.boolean(),
        nodePort: fc.boolean(),
        local: fc.boolean(),
        udp: fc.boolean(),
        ranges: fc.array(fc.integer({ min: 1, max: 32 }), { maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(shape, { maxLength: 4 }), { minLength: 2, maxLength: 5 }),
          async (steps) => {
            const plans = steps.map((step) => plan(step, family));
            const standing = standingChains(plans[0]!);
            const texts = plans
              .map((p, i) =>
                i === 0
                  ? fullRuleset(p, node)
                  : difference(plans[i - 1]!, p, { standing, family })!,
              )
              .filter((text) => text !== '');
            expect(texts.every((text, i) => i === 0 || !text.includes('chain'))).toBe(true);
            expect(await loadedRuleset(texts)).toEqual(
              await loadedRuleset([fullRuleset(plans.at(-1)!, node)]),
            );
          },
        ),
        { numRuns: 8 },
      );
    },
  );

  it('takes the rules of hostile objects, and holds only the table of services', async () => {
    const said: string[] = [];
    const context = {
      nodeName: 'n',
      clusterRanges: [node.clusterCidr, ...node.serviceCidrs],
      leftOut: (what: string) => void said.push(what),
    };
    const bad = Object.values(hostileHostIps);
    const services = bad.flatMap((text) =>
      servicePorts(
        serviceOf(
          { externalIPs: [text], loadBalancerSourceRanges: [text], type: 'LoadBalancer' },
          text,
        ),
        [sliceOf(text)],
        context,
      ),
    );
    const hosts = bad.flatMap((text) => hostPorts(podWithHostIp(text), context.leftOut));
    const listed = (
      await loadedRuleset([fullRuleset(makePlan([...services, port()], hosts), node)])
    ).flatMap((block) => block.split('\n'));
    expect(listed.filter((line) => line.startsWith('table'))).toEqual(['table ip skiff {']);
    expect(listed.join('\n')).toContain('10.43.0.5 . 6 . 80');
    expect(
      listed
        .filter((line) => line.includes('10.43.0.0/16') && line.includes('10.196.0.0/28'))
        .map((line) => line.split(' ').at(-1))
        .sort(),
    ).toEqual(['fully-random', 'reject']);
    expect(said.length).toBeGreaterThan(bad.length);
  });
});
