import { parseArgs } from 'node:util';
import { makeLog, silentLog } from '../../internal/io/log.ts';
import { World } from './world.ts';

/**
 * node test/simulation/run.ts [--seed N] [--hours N] [--lives N] [--nodes N] [--gap SECONDS] [--log
 * LEVEL] runs clusters of so many simulated hours one after the other, each with the next seed, and
 * says what they took.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    hours: { type: 'string', default: '24' },
    lives: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '3' },
    gap: { type: 'string', default: '240' },
    log: { type: 'string' },
  },
});

const log = values.log ? makeLog({ level: values.log as 'warn' }) : silentLog;
let hours = 0;
let failed = 0;
const began = process.cpuUsage();
for (let life = 0; life < Number(values.lives); life++) {
  const seed = Number(values.seed) + life;
  const options = { seed, hours: Number(values.hours), nodes: Number(values.nodes) };
  const world = new World({ ...options, gapMs: Number(values.gap) * 1000, log });
  try {
    const report = await world.run();
    hours += report.hours;
    const { user, system } = process.cpuUsage(began);
    const cpuSeconds = (user + system) / 1e6;
    process.stdout.write(
      `seed ${seed}: ${report.hours} h, ${report.disturbances} disturbances, ` +
        `settled within ${Math.round(report.slowestMs / 1000)} s; ` +
        `${(cpuSeconds / hours).toFixed(3)} s of processor time an hour\n`,
    );
  } catch (error) {
    failed += 1;
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.exit(failed > 0 ? 1 : 0);
