import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** In a process of its own, as the executable runs. Says what is held and what is in use. */
const script = `
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { collectGarbage } from ${JSON.stringify(join(import.meta.dirname, 'collect-garbage.ts'))};
let made = Array.from({ length: 400_000 }, (_, i) => ({ i, more: [i, new Map([[i, i]])] }));
globalThis.kept = made.filter(({ i }) => i % 12 === 0);
made = undefined;
const most = getHeapStatistics().total_heap_size;
collectGarbage();
const { total_heap_size: held, used_heap_size: used } = getHeapStatistics();
const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
const anonymous = /^Anonymous:\\s+(\\d+)/m.exec(rollup)[1] * 1024;
console.log(JSON.stringify({ most, held, used, anonymous }));
`;

it('gives back pages of which little is in use', () => {
  const done = spawnSync(process.execPath, [
    '--max-semi-space-size=2',
    '--input-type=module',
    '-e',
    script,
  ]);
  const { most, held, used, anonymous } = JSON.parse(
    done.stdout.toString() || done.stderr.toString(),
  ) as { most: number; held: number; used: number; anonymous: number };
  expect(most).toBeGreaterThan(3 * held);
  // Emptied pages are not kept for later.
  expect(anonymous).toBeLessThan(held + 30_000_000);
  // Without moving objects together it is five times as much.
  expect(held).toBeLessThan(1.7 * used);
});
