import { expect, it } from 'vitest';
import { StartGate, startsAtOnce } from './start-gate.ts';

let now = 0;

it('lets in only so many at once, in their order', async () => {
  const gate = new StartGate(2, { monotonicMs: () => now });
  const entered: number[] = [];
  const leave: (() => void)[] = [];
  const all = [0, 1, 2, 3, 4].map((n) =>
    gate.run(() => {
      entered.push(n);
      return new Promise<void>((resolve) => (leave[n] = resolve));
    }),
  );
  await Promise.resolve();
  expect(entered).toEqual([0, 1]);
  leave[1]?.();
  await all[1];
  await Promise.resolve();
  expect(entered).toEqual([0, 1, 2]);
  for (const n of [0, 2, 3, 4]) {
    while (!leave[n]) await Promise.resolve();
    leave[n]();
    await all[n];
  }
  expect(entered).toEqual([0, 1, 2, 3, 4]);
});

it(
  'gives the place of one that failed to the next, and forgets one that will not wait any ' +
    'longer',
  async () => {
    const gate = new StartGate(1, { monotonicMs: () => now });
    let fail = (_: Error): void => undefined;
    const first = gate.run(() => new Promise<void>((_, reject) => (fail = reject)));
    const gone = new AbortController();
    const second = gate.run(() => Promise.resolve('never'), gone.signal);
    const third = gate.run(() => Promise.resolve('third'));
    gone.abort(new Error('the pod is terminating'));
    await expect(second).rejects.toThrow('the pod is terminating');
    fail(new Error('no sandbox'));
    await expect(first).rejects.toThrow('no sandbox');
    expect(await third).toBe('third');
    expect(await gate.run(() => Promise.resolve('free again'))).toBe('free again');
  },
);

it('starts less at once where there is little memory', () => {
  expect([128, 600, 4096].map((m) => startsAtOnce(m * 1024 * 1024, 8))).toEqual([1, 2, 8]);
  expect(startsAtOnce(4096 * 1024 * 1024, 1)).toBe(4);
});

it('says for how long nothing has been started', async () => {
  now = 1000;
  const gate = new StartGate(2, { monotonicMs: () => now });
  expect(gate.idleMs).toBe(Infinity);
  let end = (): void => undefined;
  const start = gate.run(() => new Promise<void>((resolve) => (end = resolve)));
  now = 1500;
  expect(gate.idleMs).toBe(0);
  end();
  await start;
  now = 1700;
  expect(gate.idleMs).toBe(200);
});
