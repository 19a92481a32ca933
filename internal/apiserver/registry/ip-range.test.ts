import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../io/random.ts';
import { IpAllocator, PortAllocator } from '../services/ip-allocator.ts';
import { firstAddress, formatIp, inRange, parseIp, parseRange } from './ip-range.ts';

describe('addresses', () => {
  test.each(['10.43.0.1', '255.255.255.255', '0.0.0.0'])('IPv4 %s', (text) => expect(formatIp(parseIp(text) ?? -1n, 4)).toBe(text));
  test.each(['::', '::1', 'fd00::1', '2001:db8::8:800:200c:417a', 'fd00:1:2:3:4:5:6:7'])('IPv6 %s', (text) => expect(formatIp(parseIp(text) ?? -1n, 6)).toBe(text));
  test('the first address of a range is the server', () => {
    expect(firstAddress('10.43.0.0/16')).toBe('10.43.0.1');
    expect(firstAddress('fd43::/112')).toBe('fd43::1');
  });
  test('a range knows its own', () => {
    const range = parseRange('10.43.0.0/16');
    expect([inRange(range, '10.43.255.1'), inRange(range, '10.44.0.1'), inRange(range, '::1'), inRange(range, 'x')]).toEqual([true, false, false, false]);
  });
});

describe('allocators', () => {
  test('every address once, the reserved ones only by name', () => {
    const ips = new IpAllocator('10.0.0.0/28', seededRandom(1));
    const got = new Set<string>();
    for (let ip = ips.next(); ip; ip = ips.next()) got.add(ip);
    expect(got.size).toBe(12);
    expect([got.has('10.0.0.1'), got.has('10.0.0.10'), got.has('10.0.0.0'), got.has('10.0.0.15')]).toEqual([false, false, false, false]);
    expect(ips.take('10.0.0.1')).toBeUndefined();
    expect(ips.take('10.0.0.1')).toBe('provided IP is already allocated');
    expect(ips.take('10.0.1.1')).toBe('the provided network does not match the current range');
    ips.free('10.0.0.3');
    expect(ips.next()).toBe('10.0.0.3');
  });

  test('ports stay inside their range', () => {
    const ports = new PortAllocator({ from: 30000, to: 30002 }, seededRandom(2));
    expect(ports.take(30001)).toBeUndefined();
    expect(ports.take(80)).toBe('provided port is not in the valid range. The range of valid ports is 30000-30002');
    expect(new Set([ports.next(), ports.next()])).toEqual(new Set([30000, 30002]));
    expect(ports.next()).toBeUndefined();
  });
});
