import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { statesOf, summaryOf, tableOf } from './report.ts';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    kubeconfig: { type: 'string' },
    focus: { type: 'string' },
    beyond: { type: 'string' },
    driver: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string' },
    procs: { type: 'string', default: '6' },
    out: { type: 'string', default: 'conformance-out' },
    table: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    'without-nodes': { type: 'boolean', default: false },
  },
});
if (!values.instruments || !values.kubeconfig) {
  process.stderr.write(
    'usage: run.ts --instruments DIR --kubeconfig FILE [--focus RE | --beyond RE] ' +
      '[--driver FILE] [--skip RE] [--procs N] ' +
      '[--out DIR] [--table FILE] [--nodes N] [--without-nodes]\n',
  );
  process.exit(1);
}
const tools = resolve(values.instruments);
const out = resolve(values.out);
mkdirSync(out, { recursive: true });

const cluster = [
  `--num-nodes=${values.nodes}`,
  ...(values['without-nodes'] ? ['--allowed-not-ready-nodes=-1', '--minStartupPods=-1'] : []),
];
const common = [
  `--kubeconfig=${resolve(values.kubeconfig)}`,
  '--provider=skeleton',
  `--kubectl-path=${join(tools, 'kubectl')}`,
  '--disable-log-dump',
  ...values.driver.map((file) => `-storage.testdriver=${resolve(file)}`),
  ...cluster,
];

/** Runs one pass; its long output goes to a file, its report to another. */
async function pass(name: string, command: string[]): Promise<string> {
  const log = openSync(join(out, `${name}.log`), 'w');
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', log, log],
    cwd: out,
  });
  const code = await new Promise((done) => child.on('close', done));
  process.stdout.write(`${name}: status ${String(code)}\n`);
  return join(out, `${name}.json`);
}

const ginkgo = (name: string, procs: string, focus: string, skip: string): Promise<string> =>
  pass(name, [
    join(tools, 'ginkgo'),
    `--procs=${procs}`,
    '--no-color',
    '--succinct',
    `--focus=${focus}`,
    ...(skip ? [`--skip=${skip}`] : []),
    '--timeout=24h',
    `--json-report=${name}.json`,
    `--output-dir=${out}`,
    join(tools, 'e2e.test'),
    '--',
    ...common,
  ]);

const reports: string[] = [];
if (values.beyond !== undefined)
  reports.push(await ginkgo('beyond', values.procs, values.beyond, values.skip ?? ''));
else if (values.focus)
  reports.push(
    await ginkgo('focus', values.procs, `(${values.focus}).*\\[Conformance\\]`, values.skip ?? ''),
  );
else {
  reports.push(
    await ginkgo(
      'parallel',
      values.procs,
      '\\[Conformance\\]',
      ['\\[Serial\\]', ...(values.skip ? [values.skip] : [])].join('|'),
    ),
  );
  reports.push(await ginkgo('serial', '1', '\\[Serial\\].*\\[Conformance\\]', values.skip ?? ''));
}
const states = statesOf(
  reports
    .filter((r) => existsSync(r))
    .map((r) => JSON.parse(readFileSync(r, 'utf8')) as Parameters<typeof statesOf>[0][0]),
  values.beyond === undefined,
);
process.stdout.write(`${summaryOf(states)}\n`);
if (values.table) writeFileSync(values.table, tableOf(states));
