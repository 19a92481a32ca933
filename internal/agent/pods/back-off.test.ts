import { expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { BackOff, backOffKey, goDuration } from './back-off.ts';

it('doubles from ten seconds to five minutes and forgets after ten quiet minutes', () => {
  const backOff = new BackOff();
  const waits: number[] = [];
  let now = 1_000_000;
  for (let i = 0; i < 8; i++) {
    waits.push(backOff.remainingMs('k', now, now));
    backOff.next('k', now);
    now += 1000;
  }
  expect(waits).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  expect(backOff.remainingMs('k', now + 700_000, now + 700_000)).toBe(0);
  expect(backOff.remainingMs('other', now, now)).toBe(0);
});

it('writes durations as Go does', () => {
  expect([10_000, 40_000, 80_000, 300_000, 534, 1234, 3_600_000].map(goDuration)).toEqual([
    '10s',
    '40s',
    '1m20s',
    '5m0s',
    '534ms',
    '1.234s',
    '1h0m0s',
  ]);
});

it('begins anew for another image or other resources, and for each container by itself', () => {
  const pod = (image: string, cpu: string): Pick<Pod, 'metadata' | 'spec'> => ({
    metadata: { uid: 'u', name: 'p' },
    spec: {
      initContainers: [{ name: 'side', image, resources: {} }],
      containers: [{ name: 'main', image, resources: { limits: { cpu } } }],
    },
  });
  const first = pod('a', '1');
  const keys = [pod('a', '1'), pod('b', '1'), pod('a', '2')].map((one) => backOffKey(one, 'main'));
  expect(keys[0]).toBe(backOffKey(first, 'main'));
  expect(new Set([...keys, backOffKey(first, 'side')]).size).toBe(4);
  const backOff = new BackOff();
  for (const key of keys) backOff.next(key, 1000);
  backOff.forget('u/');
  expect(keys.map((key) => backOff.current(key))).toEqual([0, 0, 0]);
});
