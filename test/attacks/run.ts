/**
 * Attacks a cluster, as a stranger or a user with few rights would, and says what got in.
 *
 *     node test/attacks/run.ts KUBECONFIG [PATTERN]
 *
 * KUBECONFIG is an administrator's: it makes the victims and the users with few rights. PATTERN, a regular expression, chooses
 * attacks by name. Ends with "N attacks, M got in" and exits 1 when anything got in or an attack could not be carried out.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Attack } from './attack.ts';
import { Target } from './target.ts';

const [kubeconfig, pattern = ''] = process.argv.slice(2);
if (!kubeconfig) {
  process.stderr.write('usage: run.ts KUBECONFIG [PATTERN]\n');
  process.exit(2);
}
const folder = join(import.meta.dirname, 'list');
const attacks: Attack[] = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts')).sort()) {
  const module = (await import(join(folder, file))) as { attacks: Attack[] };
  attacks.push(...module.attacks.filter((attack) => new RegExp(pattern).test(attack.name)));
}
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const target = new Target(kubeconfig);
await target.open();
let [tried, got, broken, skipped] = [0, 0, 0, 0];
for (const attack of attacks) {
  if (attack.needsNode && target.image === undefined) {
    skipped++;
    continue;
  }
  tried++;
  try {
    const what = await attack.run(target);
    if (what !== undefined) {
      got++;
      say(`GOT IN  ${attack.name}: ${what}`);
    } else say(`held    ${attack.name}`);
  } catch (error) {
    broken++;
    say(`BROKEN  ${attack.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  await target.tidy();
}
await target.close();
if (skipped) say(`${skipped} skipped: no Ready node has a busybox image`);
// An attack that could not be carried out proves nothing, so it counts against the cluster.
say(`${tried} attacks, ${got + broken} got in`);
process.exit(got + broken > 0 ? 1 : 0);
