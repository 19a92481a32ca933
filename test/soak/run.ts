/**
 * Does to a small cluster what the world does to machines, and says what did not heal:
 *
 *     node test/soak/run.ts [--minutes 5 | --count N] [--seed N] [--nodes 3] [--only FAULT,FAULT]
 *       [--heal 30] [--writes]
 *
 * Needs root and dist/skiff. Each line is a fault, the seed that leads to it, and the seconds until
 * everything was as it should be. Ends with "N faults, M not healed" and exits 1 when M is not 0.
 * Logs of machines that did not heal stay in test/soak/logs.
 */
import { parseArgs } from 'node:util';
import { ensureKubectl } from '../e2e/kubectl.ts';
import { Walk } from './walk.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    only: { type: 'string' },
    heal: { type: 'string', default: '30' },
    count: { type: 'string' },
    writes: { type: 'boolean', default: false },
  },
});
process.env['SKIFF_TEST_KUBECTL'] = ensureKubectl();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const walk = new Walk({
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  nodes: Number(values.nodes),
  healSeconds: Number(values.heal),
  only: values.only?.split(','),
  count: values.count === undefined ? undefined : Number(values.count),
  writes: values.writes,
  say,
});
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    walk.end();
    process.exit(1);
  });
const { faults, unhealed } = await walk.go(Number(values.minutes) * 60_000);
say(`${faults} faults, ${unhealed} not healed`);
process.exit(unhealed > 0 ? 1 : 0);
