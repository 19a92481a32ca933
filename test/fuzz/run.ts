/**
 * Fuzzes a server in this process: `node test/fuzz/run.ts --minutes 30 --seed N [--only
 * AREA[,AREA]]`. Prints each failure with the seed that repeats it and the smallest input found;
 * exits 1 when there was one.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseArgs } from 'node:util';
import { fuzz, total } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const only = values.only?.split(',');
const say = (line: string): void => void process.stdout.write(`${line}\n`);
// The heap is compared after a collection, not at some moment before one.
setFlagsFromString('--expose-gc');
(globalThis as { gc?: unknown }).gc = runInNewContext('gc');
say(`seed ${seed}, ${values.minutes} minutes`);
const report = await fuzz({
  seed,
  forMs: Number(values.minutes) * 60_000,
  ...(only && { only }),
  rare: ['heavy'],
  say,
});
say([...report.inputs].map(([area, count]) => `${area} ${count}`).join(', '));
say(
  `slowest: ${Math.round(report.slowest.ms)} ms of CPU, ${report.slowest.area} --seed ` +
    `${report.slowest.seed}`,
);
const megabytes = (bytes: number): number => bytes >> 20;
const { heapBefore, heapAfter, rssBefore, rssAfter } = report.memory;
say(
  `memory, warm and at the end: heap ${megabytes(heapBefore)} and ${megabytes(heapAfter)} ` +
    `MB, resident ${megabytes(rssBefore)} and ${megabytes(rssAfter)} MB`,
);
say(`${total(report)} inputs, ${report.failures.length} kinds of failure`);
process.exit(report.failures.length > 0 ? 1 : 0);
