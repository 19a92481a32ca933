import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { makeLog, silentLog } from '../../internal/io/log.ts';
import { World } from './world.ts';

/**
 * node test/simulation/run.ts [--seed N] [--hours N] [--lives N] [--processes N] [--nodes N] [--gap
 * SECONDS] [--log LEVEL] runs clusters of so many simulated hours, each with the next seed, in so
 * many processes, and says what they took.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    hours: { type: 'string', default: '24' },
    lives: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '3' },
    gap: { type: 'string', default: '240' },
    log: { type: 'string' },
  },
});

interface Sum {
  lives: number;
  hours: number;
  disturbances: number;
  failed: number;
  slowestMs: number;
  cpuMs: number;
}

async function runLives(seeds: number[]): Promise<Sum> {
  const log = values.log ? makeLog({ level: values.log as 'warn' }) : silentLog;
  const sum: Sum = { lives: 0, hours: 0, disturbances: 0, failed: 0, slowestMs: 0, cpuMs: 0 };
  const began = process.cpuUsage();
  for (const seed of seeds) {
    const options = { seed, hours: Number(values.hours), nodes: Number(values.nodes) };
    const world = new World({ ...options, gapMs: Number(values.gap) * 1000, log });
    sum.lives += 1;
    try {
      const { hours, disturbances, slowestMs } = await world.run();
      sum.hours += hours;
      sum.disturbances += disturbances;
      sum.slowestMs = Math.max(sum.slowestMs, slowestMs);
      const { user, system } = process.cpuUsage(began);
      sum.cpuMs = (user + system) / 1000;
      process.stdout.write(
        `seed ${seed}: ${hours} h, ${disturbances} disturbances, ` +
          `settled within ${Math.round(slowestMs / 1000)} s; ` +
          `${(sum.cpuMs / 1000 / sum.hours).toFixed(3)} s of processor time an hour\n`,
      );
    } catch (error) {
      sum.failed += 1;
      process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  return sum;
}

/** The same in a process of its own, which takes every so manieth life. */
function elsewhere(seeds: number[]): Promise<Sum> {
  const child = fork(new URL(import.meta.url), process.argv.slice(2), { serialization: 'json' });
  return new Promise((resolve, reject) => {
    child.once('message', (sum: Sum) => resolve(sum));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)));
    child.send(seeds);
  });
}

const seedsOf = (process: number, processes: number): number[] =>
  Array.from({ length: Number(values.lives) }, (_, life) => Number(values.seed) + life).filter(
    (_, life) => life % processes === process,
  );

async function runAll(processes: number): Promise<void> {
  const began = performance.now();
  const all =
    processes === 1
      ? [await runLives(seedsOf(0, 1))]
      : await Promise.all(
          Array.from({ length: processes }, (_, i) => elsewhere(seedsOf(i, processes))),
        );
  const total = (of: keyof Sum): number => all.reduce((sum, one) => sum + one[of], 0);
  const slowestMs = Math.max(...all.map((one) => one.slowestMs));
  const minutes = (performance.now() - began) / 60_000;
  const said = [
    `${total('lives')} clusters, ${total('hours')} hours without a fault`,
    `${total('disturbances')} disturbances, ${total('failed')} broken rules`,
    `all settled within ${Math.round(slowestMs / 1000)} s; ${minutes.toFixed(1)} minutes`,
    `${(total('cpuMs') / 1000 / total('hours')).toFixed(3)} s of processor time an hour`,
  ];
  process.stdout.write(`${said.join(', ')}\n`);
  process.exit(total('failed') > 0 ? 1 : 0);
}

if (process.send)
  process.once('message', (seeds: number[]) => {
    void runLives(seeds).then((sum) => process.send?.(sum, () => process.exit(0)));
  });
else await runAll(Number(values.processes));
