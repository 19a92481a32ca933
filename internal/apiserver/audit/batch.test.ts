import { expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { Batch } from './batch.ts';

function made(options: { bufferSize?: number; fail?: () => boolean } = {}): {
  batch: Batch<number>;
  clock: FakeClock;
  sent: number[][];
  lost: number[];
} {
  const clock = new FakeClock();
  const [sent, lost]: [number[][], number[]] = [[], []];
  const batch = new Batch<number>({
    clock,
    bufferSize: options.bufferSize ?? 10,
    maxBatchSize: 3,
    maxBatchWaitMs: 1000,
    retryMs: [100, 200],
    send: (items) => {
      if (options.fail?.()) return Promise.reject(new Error('down'));
      sent.push(items);
      return Promise.resolve();
    },
    lost: (count) => lost.push(count),
  });
  return { batch, clock, sent, lost };
}

test('a batch goes when it is full, or its oldest has waited', async () => {
  const { batch, clock, sent } = made();
  for (let i = 0; i < 4; i++) batch.add(i);
  await clock.advance(0);
  expect(sent).toEqual([[0, 1, 2]]);
  await clock.advance(1001);
  expect(sent).toEqual([[0, 1, 2], [3]]);
});

test('what does not go is tried again, then lost; later batches follow', async () => {
  let down = 2;
  const { batch, clock, sent, lost } = made({ fail: () => down-- > 0 });
  for (let i = 0; i < 3; i++) batch.add(i);
  for (let i = 0; i < 10; i++) await clock.advance(100);
  expect([sent, lost]).toEqual([[[0, 1, 2]], []]);
  down = 3;
  for (let i = 3; i < 6; i++) batch.add(i);
  for (let i = 0; i < 10; i++) await clock.advance(100);
  expect([sent.length, lost]).toEqual([1, [3]]);
  for (let i = 6; i < 9; i++) batch.add(i);
  for (let i = 0; i < 3; i++) await clock.advance(100);
  expect(sent.at(-1)).toEqual([6, 7, 8]);
});

test('memory is bounded while the other side hangs', async () => {
  const { batch, clock, lost } = made({ fail: () => true, bufferSize: 5 });
  for (let i = 0; i < 100; i++) batch.add(i);
  await clock.advance(0);
  expect(lost.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(92);
});

test('closing sends what waits', async () => {
  const { batch, sent } = made();
  for (let i = 0; i < 2; i++) batch.add(i);
  await batch.close();
  expect(sent).toEqual([[0, 1]]);
});
