import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../io/random.ts';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { IpAllocator, PortAllocator } from './ip-allocator.ts';
import { ServiceRanges } from './service-ranges.ts';

describe('allocators', () => {
  test('every address once, the reserved ones only by name', () => {
    const ips = new IpAllocator(new ServiceRanges('10.0.0.0/28'), seededRandom(1));
    const got = new Set<string>();
    for (let ip = ips.next(4); ip; ip = ips.next(4)) got.add(ip);
    expect(got.size).toBe(12);
    expect([
      got.has('10.0.0.1'),
      got.has('10.0.0.10'),
      got.has('10.0.0.0'),
      got.has('10.0.0.15'),
    ]).toEqual([false, false, false, false]);
    expect(ips.take('10.0.0.1')).toBeUndefined();
    expect(ips.take('10.0.0.1')).toBe('provided IP is already allocated');
    expect(ips.take('10.0.1.1')).toBe('the provided network does not match the current range');
    ips.free('10.0.0.3');
    expect(ips.next(4)).toBe('10.0.0.3');
  });

  test('ranges come, are used once the first is full, and go', () => {
    const ranges = new ServiceRanges('10.0.0.0/30');
    const ips = new IpAllocator(ranges, seededRandom(1));
    const note = (name: string, cidrs: string[], more: object = {}, ready = 'True'): void =>
      ranges.note(name, {
        metadata: { name, ...more },
        spec: { cidrs },
        status: { conditions: [{ type: 'Ready', status: ready }] },
      } as ServiceCIDR);
    expect(ips.next(4)).toBe('10.0.0.2');
    expect(ips.next(4)).toBeUndefined();
    note('two', ['10.9.0.0/30', 'fd00::/112']);
    note('one', ['10.8.0.4/32']); // no address of its can be a service's
    expect([ips.next(4), ips.next(4)].sort()).toEqual(['10.9.0.1', '10.9.0.2']);
    expect(ips.next(4)).toBeUndefined();
    expect(
      [ips.take('10.9.0.0'), ips.take('10.9.0.3'), ips.take('fd00::5'), ips.take('10.9.0.1')].map(
        (why) => why?.slice(-9),
      ),
    ).toEqual(['ent range', 'ent range', 'ent range', 'allocated']);
    // An overlapping range opens the ends of the inner one.
    note('wide', ['10.9.0.0/24']);
    expect(ips.take('10.9.0.3')).toBeUndefined();
    note('wide', ['10.9.0.0/24'], { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(ips.take('10.9.0.77')).toMatch(/current range/);
    note('wide', ['10.9.0.0/24'], {}, 'False');
    expect(ips.take('10.9.0.77')).toMatch(/current range/);
    ranges.note('wide', undefined);
    ranges.note('two', undefined);
    expect(ips.next(4)).toBeUndefined();
    // Addresses stay taken while their range is away.
    note('two', ['10.9.0.0/30']);
    expect(ips.next(4)).toBeUndefined();
    note('kubernetes', ['10.0.0.0/30'], { deletionTimestamp: '2026-01-01T00:00:00Z' });
    ips.free('10.0.0.2');
    expect(ips.take('10.0.0.2')).toMatch(/current range/);
  });

  test('ports stay inside their range', () => {
    const ports = new PortAllocator({ from: 30000, to: 30002 }, seededRandom(2));
    expect(ports.take(30001)).toBeUndefined();
    expect(ports.take(80)).toBe(
      'provided port is not in the valid range. The range of valid ports is 30000-30002',
    );
    expect(new Set([ports.next(), ports.next()])).toEqual(new Set([30000, 30002]));
    expect(ports.next()).toBeUndefined();
  });
});
