import { expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { giveWay } from './give-way.ts';
import { afterTurn } from './turn.ts';

/** Others whose turns take so long, and how many they had. */
function others(turnMs: number): { clock: Clock; turns(): number; stop(): void } {
  let [nowMs, turns, stopped] = [0, 0, false];
  const again = (): void => {
    if (stopped) return;
    nowMs += turnMs;
    turns++;
    afterTurn(again);
  };
  afterTurn(again);
  const clock = { monotonicMs: () => nowMs } as Clock;
  return { clock, turns: () => turns, stop: () => (stopped = true) };
}

test('work that can wait goes on when others had four times as long', async () => {
  const busy = others(3);
  await giveWay(busy.clock, 5);
  busy.stop();
  expect(busy.turns()).toBe(7);
});

test('it goes on at once when nobody else has anything to do', async () => {
  const idle = others(0.01);
  await giveWay(idle.clock, 5);
  idle.stop();
  expect(idle.turns()).toBe(1);
});
