import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ranges from './address-ranges.ts';
import * as addresses from './addresses.ts';
import {
  cidrHas,
  cidrHolds,
  cidrsOverlap,
  isUnicast,
  parseIpv4,
  parseIpv4Cidr,
  parsePort,
  type Ip,
  type Ipv4,
  type Ipv4Cidr,
} from './addresses.ts';

interface Answer {
  in: string;
  /** netutils.ParseIPSloppy(in).String(), which prints an IPv4-mapped address as IPv4. */
  ip?: string;
  /** netip.ParseAddr(in).String(). */
  strict?: string;
  mapped?: boolean;
  /** netutils.ParseCIDRSloppy(in): the network, and the address before the slash. */
  cidr?: string;
  of?: string;
}

/** What Go's k8s.io/utils/net v0.0.0-20260210185600 and net/netip 1.26 say of these texts. */
const answers = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testdata', 'addresses.json'), 'utf8'),
) as Answer[];

describe('as Go reads them', () => {
  it.each(answers.map((a) => [JSON.stringify(a.in), a] as const))('%s', (_, answer) => {
    const ip = addresses.parseIp(answer.in);
    expect(ip && addresses.unmapped(ip)).toBe(answer.ip);
    expect(addresses.parseStrictIp(answer.in)).toBe(answer.strict);
    expect(ip !== undefined && addresses.isMapped(ip)).toBe(
      answer.ip !== undefined && answer.in.includes(':') && !answer.ip.includes(':'),
    );
    const found = addresses.parseInterface(answer.in);
    expect(found && addresses.unmapped(found.ip)).toBe(answer.of);
    // Go turns a network of IPv4-mapped addresses into one of IPv4; here it stays what it says.
    if (found && !addresses.isMapped(found.ip))
      expect(addresses.parseCidr(answer.in)).toBe(answer.cidr);
  });
});

describe('both families', () => {
  const ip = (text: string): Ip => addresses.parseIp(text)!;
  const cidr = addresses.mustCidr;

  it('bytes and numbers give the address again', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.bigInt(0n, 2n ** 128n - 1n),
        (f, n) => {
          const value = f === 4 ? n >> 96n : n;
          const one = addresses.ipOf(f, value);
          expect(addresses.familyOf(one)).toBe(f);
          expect(addresses.numberOf(one)).toBe(value);
          expect(addresses.parseIp(one)).toBe(one);
          expect(addresses.ipOfBytes(addresses.bytesOf(one))).toBe(one);
        },
      ),
    );
    expect([[], [1, 2, 3], Array<number>(15).fill(0)].map(addresses.ipOfBytes)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => addresses.ipOf(4, 2n ** 32n)).toThrow(RangeError);
  });

  it('a network has those addresses whose bits begin as its own', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.bigInt(0n, 2n ** 128n - 1n),
        fc.bigInt(0n, 2n ** 128n - 1n),
        fc.nat(128),
        (f, a, b, length) => {
          const width = addresses.widthOf(f);
          const bits = length % (width + 1);
          const [x, y] = [a, b].map((n) => addresses.ipOf(f, n >> BigInt(128 - width))) as [Ip, Ip];
          const net = addresses.cidrOf(x, bits);
          const head = (one: Ip): bigint => addresses.numberOf(one) >> BigInt(width - bits);
          expect(addresses.parseCidr(`${x}/${bits}`)).toBe(net);
          expect(cidrHas(net, x)).toBe(true);
          expect(cidrHas(net, y)).toBe(head(x) === head(y));
          expect(ranges.rangeHas(ranges.rangeOf(net), y)).toBe(head(x) === head(y));
        },
      ),
    );
    expect([
      cidrHas(cidr('::/0'), ip('10.0.0.1')),
      cidrHas(cidr('0.0.0.0/0'), ip('::1')),
      cidrHolds(cidr('fd42::/48'), cidr('fd42:0:0:5::/64')),
      cidrsOverlap(cidr('fd42::/48'), cidr('fd43::/48')),
    ]).toEqual([false, false, true, false]);
  });

  it('addresses and parts of a network are counted', () => {
    const { nthAddress, nthSubnet, indexOfSubnet } = addresses;
    expect([
      nthAddress(cidr('10.43.0.0/16'), 10),
      nthAddress(cidr('10.43.0.0/16'), 266),
      nthAddress(cidr('fd43::/112'), 10),
      nthAddress(cidr('fd43::/112'), 2n ** 16n),
      nthAddress(cidr('10.0.0.0/30'), 4),
      nthAddress(cidr('10.0.0.0/30'), -1),
    ]).toEqual(['10.43.0.10', '10.43.1.10', 'fd43::a', undefined, undefined, undefined]);
    expect([
      nthSubnet(cidr('10.42.0.0/16'), 24, 255),
      nthSubnet(cidr('10.42.0.0/16'), 24, 256),
      nthSubnet(cidr('fd42::/56'), 64, 255),
      nthSubnet(cidr('fd42::/56'), 64, 256),
    ]).toEqual(['10.42.255.0/24', undefined, 'fd42:0:0:ff::/64', undefined]);
    expect([
      indexOfSubnet(cidr('fd42::/56'), cidr('fd42:0:0:ff::/64')),
      indexOfSubnet(cidr('10.42.0.0/16'), cidr('10.42.7.0/24')),
      indexOfSubnet(cidr('10.42.0.0/16'), cidr('10.43.7.0/24')),
      indexOfSubnet(cidr('10.42.0.0/16'), cidr('fd42::/64')),
    ]).toEqual([255, 7, undefined, undefined]);
    expect(addresses.addressIn('fd43::/112', 1)).toBe('fd43::1');
    expect(() => addresses.addressIn('10.43.0.0', 1)).toThrow(RangeError);
  });

  it('what may be an endpoint or a service', () => {
    const not = [
      '::',
      '::1',
      '::1.2.3.4',
      'fe80::1',
      'ff02::1',
      '::ffff:10.0.0.1',
      '255.255.255.255',
    ];
    expect(not.map((text) => isUnicast(ip(text)))).toEqual(not.map(() => false));
    expect(['fd00::1', '2001:db8::1'].map((text) => isUnicast(ip(text)))).toEqual([true, true]);
    expect(
      ['ff12::1', 'ff0e::1', '224.0.0.9'].map((t) => addresses.isLinkLocalMulticast(ip(t))),
    ).toEqual([true, false, true]);
  });

  it('hosts and ports in URLs', () => {
    expect([
      addresses.joinHostPort('fd00::1', 80),
      addresses.joinHostPort('10.0.0.1', 80),
      addresses.joinHostPort('node-1', 'https'),
    ]).toEqual(['[fd00::1]:80', '10.0.0.1:80', 'node-1:https']);
    expect(['fe80::1%eth0', '::1', '1.2.3.4', '01.2.3.4', 'a'].map(addresses.isAddress)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('parseIpv4', () => {
  it('gives one spelling', () => {
    expect([
      parseIpv4('10.0.0.1'),
      parseIpv4('010.000.0.01'),
      parseIpv4('255.255.255.255'),
    ]).toEqual(['10.0.0.1', '10.0.0.1', '255.255.255.255']);
  });
  it('takes nothing else', () => {
    const bad = [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.256',
      '1.2.3.4 ',
      ' 1.2.3.4',
      '1.2.3.4\n',
      '1.2.3.4 . tcp . 99',
      '::1',
      '::ffff:1.2.3.4',
      '0x1.2.3.4',
      '1.2.3.-4',
      '1.2.3.1e1',
      'a.b.c.d',
      '１.2.3.4',
      undefined,
      null,
      16909060,
      ['1.2.3.4'],
      { toString: () => '1.2.3.4' },
    ];
    expect(bad.map(parseIpv4)).toEqual(bad.map(() => undefined));
  });
});

describe('parseIpv4Cidr', () => {
  it('drops host bits', () => {
    expect([
      parseIpv4Cidr('10.1.2.3/8'),
      parseIpv4Cidr('1.2.3.4/32'),
      parseIpv4Cidr('1.2.3.4/0'),
      parseIpv4Cidr('192.168.129.7/17'),
    ]).toEqual(['10.0.0.0/8', '1.2.3.4/32', '0.0.0.0/0', '192.168.128.0/17']);
  });
  it('takes nothing else', () => {
    const bad = [
      '10.0.0.0',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0.0.0/8 }',
      '10.0.0.0/8\nx',
      '::/0',
      'x/8',
      undefined,
      5,
    ];
    expect(bad.map(parseIpv4Cidr)).toEqual(bad.map(() => undefined));
  });
});

it('parsePort takes whole numbers from 1 to 65535', () => {
  expect([1, 65535, 0, -1, 65536, 1.5, NaN, '80', undefined].map(parsePort)).toEqual([
    1,
    65535,
    ...Array<undefined>(7).fill(undefined),
  ]);
});

it('networks hold and overlap', () => {
  const c = (text: string): Ipv4Cidr => parseIpv4Cidr(text)!;
  const ip = (text: string): Ipv4 => parseIpv4(text)!;
  expect([
    cidrHas(c('10.42.0.0/16'), ip('10.42.255.255')),
    cidrHas(c('10.42.0.0/16'), ip('10.43.0.0')),
    cidrHas(c('0.0.0.0/0'), ip('255.255.255.255')),
  ]).toEqual([true, false, true]);
  expect([
    cidrHolds(c('10.42.0.0/16'), c('10.42.3.0/24')),
    cidrHolds(c('10.42.3.0/24'), c('10.42.0.0/16')),
    cidrsOverlap(c('10.42.3.0/24'), c('10.42.0.0/16')),
    cidrsOverlap(c('10.42.3.0/24'), c('10.42.4.0/24')),
  ]).toEqual([true, false, true, false]);
  expect(
    ['10.0.0.1', '127.0.0.9', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'].map(
      (t) => isUnicast(ip(t)),
    ),
  ).toEqual([true, false, false, false, false, false]);
});
