import { describe, expect, it } from 'vitest';
import {
  cidrHas,
  cidrHolds,
  cidrsOverlap,
  isUnicast,
  parseIpv4,
  parseIpv4Cidr,
  parsePort,
  type Ipv4,
  type Ipv4Cidr,
} from './ipv4.ts';

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
