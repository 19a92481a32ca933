import { expect, test } from 'vitest';
import { humanDuration, shortHumanDuration } from './human-duration.ts';

const s = 1000;
const m = 60 * s;
const h = 60 * m;
const d = 24 * h;

test.each<[number, string]>([
  [-2 * s, '<invalid>'],
  [-1 * s, '0s'],
  [0, '0s'],
  [999, '0s'],
  [70 * s, '70s'],
  [119 * s, '119s'],
  [2 * m, '2m'],
  [190 * s, '3m10s'],
  [10 * m + s, '10m'],
  [179 * m, '179m'],
  [3 * h, '3h'],
  [3 * h + 10 * m, '3h10m'],
  [8 * h + m, '8h'],
  [47 * h, '47h'],
  [2 * d, '2d'],
  [50 * h, '2d2h'],
  [8 * d, '8d'],
  [729 * d, '729d'],
  [730 * d, '2y'],
  [731 * d, '2y1d'],
  [8 * 365 * d, '8y'],
])('%i ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));

test.each<[number, string]>([
  [-2 * s, '<invalid>'],
  [-1 * s, '0s'],
  [59 * s, '59s'],
  [60 * s, '1m'],
  [61 * m, '1h'],
  [25 * h, '1d'],
  [366 * d, '1y'],
])('%i ms is %s in short', (ms, text) => expect(shortHumanDuration(ms)).toBe(text));
