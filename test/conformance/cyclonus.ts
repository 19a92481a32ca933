/**
 * Lets cyclonus judge the network policies of a cluster: it makes pods and policies, tries every
 * pair of pods on every port, and compares with what its own model of policies expects.
 *
 *     node test/conformance/cyclonus.ts --instruments DIR --kubeconfig FILE [--out DIR]
 *         [--table FILE] [--include TAG,...] [--protocols TCP,UDP]
 *
 * DIR has the program `cyclonus`, made of the Go module github.com/mattfenwick/cyclonus; the
 * cluster has the image `agnhost` under the name that cyclonus asks for.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    kubeconfig: { type: 'string' },
    out: { type: 'string', default: 'conformance-out' },
    table: { type: 'string' },
    include: { type: 'string', default: '' },
    // A kernel without SCTP cannot serve it.
    protocols: { type: 'string', default: 'TCP,UDP' },
  },
});
if (!values.instruments || !values.kubeconfig) {
  process.stderr.write(
    'usage: cyclonus.ts --instruments DIR --kubeconfig FILE [--out DIR] [--table FILE] ' +
      '[--include TAG,...] [--protocols TCP,UDP]\n',
  );
  process.exit(1);
}
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const log = join(out, 'cyclonus.log');
const junit = join(out, 'cyclonus.xml');
const written = createWriteStream(log);
const child = spawn(
  join(resolve(values.instruments), 'cyclonus'),
  [
    'generate',
    // All of its cases: it leaves some out unless told otherwise.
    '--exclude=',
    ...(values.include ? [`--include=${values.include}`] : []),
    `--server-protocol=${values.protocols}`,
    '--perturbation-wait-seconds=1',
    '--job-timeout-seconds=1',
    '--pod-creation-timeout-seconds=180',
    // A crowded machine may take longer than a second: a wrong verdict is asked for again.
    '--retries=1',
    // A policy cannot keep a pod from itself (NetworkPolicy of the API reference); it expects that.
    '--ignore-loopback',
    `--junit-results-file=${junit}`,
  ],
  {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: out,
    env: { ...process.env, KUBECONFIG: resolve(values.kubeconfig) },
  },
);
for (const stream of [child.stdout, child.stderr]) stream.pipe(written, { end: false });
const code = await new Promise((done) => child.on('close', done));
await new Promise<void>((done) => written.end(done));

interface Case {
  name: string;
  passed: boolean;
}
const plain = (text: string): string =>
  text
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
const report = existsSync(junit) ? readFileSync(junit, 'utf8') : '';
const cases: Case[] = [
  ...report.matchAll(/<testcase [^>]*?\sname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs),
].map(([, name = '', inner = '']) => ({ name: plain(name), passed: !inner.includes('<failure') }));
const said = readFileSync(log, 'utf8');
const planned = Number(/^testing (\d+) cases$/m.exec(said)?.[1] ?? 0);
const wrong = cases.filter((one) => !one.passed);
const verdicts = [...said.matchAll(/^\| probe on (\S+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|/gm)]
  .filter(([, , right, bad]) => Number(right) + Number(bad) > 0)
  .map(([, protocol, right, bad]) => `${protocol}: ${right} right, ${bad} wrong`);
process.stdout.write(
  `status ${String(code)}: ${planned} cases, ${cases.length - wrong.length} passed, ` +
    `${wrong.length} failed; verdicts of ${verdicts.join('; ')}\n` +
    wrong.map(({ name }) => `failed\t${name}\n`).join(''),
);
if (values.table)
  writeFileSync(
    values.table,
    `# One node; ${verdicts.join('; ')}: state, case.\n${cases
      .map(({ name, passed }) => `${passed ? 'passed' : 'failed'}\t${name}`)
      .join('\n')}\n`,
  );
process.exit(code === 0 && planned > 0 && cases.length === planned && wrong.length === 0 ? 0 : 1);
