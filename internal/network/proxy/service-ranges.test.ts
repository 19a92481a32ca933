import { describe, expect, it } from 'vitest';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { serviceRanges } from './service-ranges.ts';
import { cidr, ip } from './testing/samples.ts';

const read = (...cidrs: string[]): { ranges: string[]; said: string[] } => {
  const said: string[] = [];
  const objects = cidrs.map(
    (one, i) => ({ metadata: { name: `r${i}` }, spec: { cidrs: [one] } }) as ServiceCIDR,
  );
  const ranges = serviceRanges(objects, {
    configured: cidr('10.43.0.0/16'),
    clusterCidr: cidr('10.42.0.0/16'),
    nodeIp: ip('192.0.2.1'),
    leftOut: (what) => void said.push(what),
  });
  return { ranges, said };
};

describe('networks of services', () => {
  it.each<[string, string[], string[]]>([
    ['the configured one alone', [], ['10.43.0.0/16']],
    ['its own object', ['10.43.0.0/16'], ['10.43.0.0/16']],
    ['another beside it', ['10.196.0.0/28'], ['10.196.0.0/28', '10.43.0.0/16']],
    ['one inside it', ['10.43.7.0/24'], ['10.43.0.0/16']],
    ['one around it', ['10.43.0.0/15', '10.43.9.0/28'], ['10.42.0.0/15', '10.43.0.0/16'].slice(1)],
    ['the same twice', ['10.9.0.0/24', '10.9.0.0/24'], ['10.43.0.0/16', '10.9.0.0/24']],
    ['nested in each other', ['10.9.0.0/28', '10.9.0.0/24'], ['10.43.0.0/16', '10.9.0.0/24']],
    ['another family', ['fd00::/112'], ['10.43.0.0/16']],
  ])('%s', (_what, objects, ranges) => expect(read(...objects).ranges).toEqual(ranges));

  it.each([
    '0.0.0.0/0',
    '10.42.7.0/24',
    '10.0.0.0/8',
    '192.0.2.0/24',
    '10.9.0.0/33',
    '10.9.0.0/24 } ; drop',
    'x',
  ])('%s would refuse what is none of services, or is not a network', (text) => {
    const { ranges, said } = read(text);
    expect(ranges).toEqual(['10.43.0.0/16']);
    expect(said).toHaveLength(1);
  });
});
