import { expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { AskRate } from './rate.ts';

const limits = { perSecond: 100, burst: 200 };
const taken = (rate: AskRate, address: string, times: number): number =>
  Array.from({ length: times }, () => rate.take(address)).filter(Boolean).length;

test('an address has its burst, then its rate, and takes nothing from others', async () => {
  const clock = new FakeClock();
  const rate = new AskRate(clock, limits);
  expect(taken(rate, '10.42.0.5', 1000)).toBe(200);
  expect(taken(rate, '10.42.0.6', 150)).toBe(150);
  await clock.advance(500);
  expect(taken(rate, '10.42.0.5', 1000)).toBe(50);
});

test('a rest fills no more than the bucket', async () => {
  const clock = new FakeClock();
  const rate = new AskRate(clock, limits);
  taken(rate, '10.42.0.5', 10);
  await clock.advance(3_600_000);
  expect(taken(rate, '10.42.0.5', 1000)).toBe(200);
});

test('an endless number of addresses is not remembered, and one that keeps asking is', () => {
  const rate = new AskRate(new FakeClock(), limits);
  taken(rate, '10.42.0.5', 200);
  for (let i = 0; i < 20_000; i++) {
    rate.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(rate.take('10.42.0.5')).toBe(false);
  }
  expect(rate.size).toBeLessThanOrEqual(4096);
});
