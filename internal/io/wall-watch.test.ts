import { expect, test } from 'vitest';
import { WallWatch } from './wall-watch.ts';

function watched() {
  const at = { wallMs: 0, monotonicMs: 0 };
  const seen: number[] = [];
  const watch = new WallWatch({ wallMs: () => at.wallMs, monotonicMs: () => at.monotonicMs });
  const stop = watch.onJump((byMs) => seen.push(byMs));
  return { at, seen, watch, stop };
}

test('time that goes by is no jump, however long nobody looked', () => {
  const { at, seen, watch } = watched();
  at.wallMs = at.monotonicMs = 86_400_000;
  watch.look();
  expect(seen).toEqual([]);
});

test('a clock that was set is told of once, in both directions', () => {
  const { at, seen, watch } = watched();
  at.wallMs = 3_600_000;
  watch.look();
  watch.look();
  at.wallMs = -60_000;
  watch.look();
  expect(seen).toEqual([3_600_000, -3_660_000]);
});

test('small steps are nothing to speak of, and do not add up', () => {
  const { at, seen, watch } = watched();
  for (let i = 1; i <= 100; i++) {
    at.wallMs = i * 1000;
    watch.look();
  }
  expect(seen).toEqual([]);
});

test('whoever has gone hears nothing', () => {
  const { at, seen, watch, stop } = watched();
  stop();
  at.wallMs = 1e9;
  watch.look();
  expect(seen).toEqual([]);
});
