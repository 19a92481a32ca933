/**
 * Attacks a cluster, as a stranger or a user with few rights would, and says what got in.
 *
 *     node test/attacks/run.ts KUBECONFIG [PATTERN]
 *
 * KUBECONFIG is an administrator's: it makes the victims and the users with few rights. PATTERN, a
 * regular expression, chooses attacks by name. Ends with "N attacks, M got in" and exits 1 when
 * anything got in or an attack could not be carried out.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Attack } from './attack.ts';
import { Target } from './target.ts';

/** Files of the list whose attacks go on at the same time; those of one file take turns. */
const sideBySide = 4;

const [kubeconfig, pattern = ''] = process.argv.slice(2);
if (!kubeconfig) {
  process.stderr.write('usage: run.ts KUBECONFIG [PATTERN]\n');
  process.exit(2);
}
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const began = performance.now();
const target = new Target(kubeconfig);
await target.open();

interface Turn {
  attack: Attack;
  /** Undefined until it was tried. */
  result?: { outcome: 'held' | 'GOT IN' | 'BROKEN'; line: string };
  seconds: number;
}

const folder = join(import.meta.dirname, 'list');
const files: Turn[][] = [];
let skipped = 0;
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .sort()) {
  const module = (await import(join(folder, file))) as { attacks: Attack[] };
  const chosen = module.attacks.filter((attack) => new RegExp(pattern).test(attack.name));
  const possible = chosen.filter((attack) => !attack.needsNode || target.image !== undefined);
  skipped += chosen.length - possible.length;
  files.push(possible.map((attack) => ({ attack, seconds: 0 })));
}
const all = files.flat();

let shown = 0;
async function take(turn: Turn, against: Target): Promise<void> {
  const { name } = turn.attack;
  const start = performance.now();
  try {
    const what = await turn.attack.run(against);
    turn.result =
      what === undefined
        ? { outcome: 'held', line: `held    ${name}` }
        : { outcome: 'GOT IN', line: `GOT IN  ${name}: ${what}` };
  } catch (error) {
    turn.result = {
      outcome: 'BROKEN',
      line: `BROKEN  ${name}: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  await against.tidy();
  turn.seconds = Math.round((performance.now() - start) / 1000);
  // In the order of the list, whichever was done first.
  for (let next = all[shown]; next?.result; next = all[++shown]) say(next.result.line);
}

/** Each file's attacks against a target of its own, which remembers what they made. */
async function takeTurns(turns: Turn[]): Promise<void> {
  const against = target.another();
  for (const turn of turns) await take(turn, against);
  await against.close();
}

// Where the most is to do begins first, so that no long file is left over for the end.
const queue = files
  .map((turns) => turns.filter(({ attack }) => !attack.alone))
  .sort((a, b) => b.length - a.length);
await Promise.all(
  Array.from({ length: sideBySide }, async () => {
    for (let turns = queue.shift(); turns; turns = queue.shift()) await takeTurns(turns);
  }),
);
const aloneFrom = performance.now();
await takeTurns(all.filter(({ attack }) => attack.alone));
await target.removeProbe();
await target.close();

const count = (outcome: string): number =>
  all.filter(({ result }) => result?.outcome === outcome).length;
if (skipped) say(`${skipped} skipped: no Ready node has a busybox image`);
const since = (start: number): string => `${Math.round((performance.now() - start) / 1000)} s`;
say(
  `longest: ${[...all]
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 8)
    .map(({ attack, seconds }) => `${attack.name} ${seconds} s`)
    .join(', ')}`,
);
say(
  `${since(began)}, of it ${since(aloneFrom)} one by one; ${count('GOT IN')} got in, ` +
    `${count('BROKEN')} could not be carried out`,
);
// An attack that could not be carried out proves nothing, so it counts against the cluster.
say(`${all.length} attacks, ${count('GOT IN') + count('BROKEN')} got in`);
process.exit(all.every(({ result }) => result?.outcome === 'held') ? 0 : 1);
