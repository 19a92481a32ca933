/**
 * Asks skiff and a real kube-apiserver the same random questions as users with few rights, and
 * compares who is let in.
 *
 *     node test/conformance/differential.ts --ours KUBECONFIG --oracle KUBECONFIG [--count 5000]
 *     [--seed N]
 *
 * A request that the real server refuses and skiff carries out is a fault (`LET IN`, exit 1); the
 * reverse is listed (`KEPT OUT`). Both clusters are prepared alike: namespaces `diff-a` and
 * `diff-b` with objects, roles for the users; nothing needs a node.
 */
import { parseArgs } from 'node:util';
import { Target, type Answer, type Call, type Json } from '../attacks/target.ts';
import { seeded, type Chooser } from './differential-choices.ts';
import { prepare, questions } from './differential-questions.ts';

const { values } = parseArgs({
  options: {
    ours: { type: 'string' },
    oracle: { type: 'string' },
    count: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
  },
});
if (!values.ours || !values.oracle) {
  process.stderr.write(
    'usage: differential.ts --ours KUBECONFIG --oracle KUBECONFIG [--count N] [--seed N]\n',
  );
  process.exit(2);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const letIn = (answer: Answer): boolean => answer.status < 400;

/** What both answered, in one line: who asked for what. */
function lineOf(call: Call, ours: Answer, real: Answer): string {
  const message = (answer: Answer): string =>
    String(answer.json['message'] ?? answer.text)
      .slice(0, 160)
      .replaceAll('\n', ' ');
  const body = call.body === undefined ? '' : ` ${JSON.stringify(call.body).slice(0, 300)}`;
  return (
    `${call.as?.user ?? 'anonymous'} ${call.method} ${call.path}${body}\n    ours   ` +
    `${ours.status} ${message(ours)}\n    oracle ${real.status} ${message(real)}`
  );
}

/**
 * The same request to both; node names and uids differ between clusters, so a body may hold `$UID`
 * of the pod or node it means.
 */
async function ask(targets: Target[], uids: Json[], call: Call): Promise<Answer[]> {
  return await Promise.all(
    targets.map((target, i) => {
      const text =
        call.body === undefined
          ? undefined
          : JSON.stringify(call.body).replaceAll(/\$UID-([a-z0-9-]+)/g, (_all, name: string) =>
              String(uids[i]?.[name] ?? 'none'),
            );
      return target.call({
        ...call,
        body: text,
        type: call.type ?? (text === undefined ? undefined : 'application/json'),
        timeoutMs: 20_000,
      });
    }),
  );
}

async function main(ours: string, oracle: string, count: number, seed: number): Promise<number> {
  const targets = [new Target(ours), new Target(oracle)];
  const chooser: Chooser = seeded(seed);
  let uids: Json[] = [];
  let [wrong, reverse, codes, both] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    // What earlier requests changed may differ by then: both start over.
    if (i % 250 === 0) uids = await Promise.all(targets.map((target) => prepare(target)));
    const call = questions(chooser);
    const [a, b] = await ask(targets, uids, call);
    if (!a || !b) continue;
    if (letIn(a) && !letIn(b)) {
      wrong++;
      say(`LET IN ${i} ${lineOf(call, a, b)}`);
    } else if (!letIn(a) && letIn(b)) {
      reverse++;
      say(`KEPT OUT ${i} ${lineOf(call, a, b)}`);
    } else if (a.status !== b.status) {
      codes++;
      say(`CODE ${i} ${lineOf(call, a, b)}`);
    } else if (letIn(a)) both++;
  }
  for (const target of targets) await target.close();
  say(
    `${count} requests with seed ${seed}: ${wrong} let in that the oracle refuses, ` +
      `${reverse} kept out that it lets in, ${codes} refused or let in with another code, ` +
      `${both} let in by both`,
  );
  return wrong;
}

process.exit(
  (await main(values.ours, values.oracle, Number(values.count), Number(values.seed))) > 0 ? 1 : 0,
);
