/**
 * The table of what is promised for speed and size, measured: a line for each figure, its aim and
 * whether it is met. Usage: run.ts [--instruments DIR] [--only NAME,NAME]; DIR holds upstream's
 * kube-apiserver, kube-scheduler, kubectl and etcd, without which their lines are left out. Each
 * file of this folder can be asked for alone, and then says more.
 */
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { instruments: { type: 'string' }, only: { type: 'string' } },
});
const instruments = values.instruments ?? '';

interface Row {
  what: string;
  /** Where the figure stands in what the program says: the first group. */
  found: RegExp;
  aim: { most: number } | { least: number };
  unit?: string;
}

interface Bench {
  name: string;
  arguments: string[];
  /** Upstream's programs that it needs. */
  needs?: string[];
  rows: Row[];
}

const program = (name: string): string => join(instruments, name);

const benches: Bench[] = [
  {
    name: 'start',
    arguments: ['3'],
    rows: [
      { what: 'exec -> readyz', found: /^readyz +median (\d+)/m, aim: { most: 250 }, unit: ' ms' },
      { what: '... again', found: /^again +median (\d+)/m, aim: { most: 160 }, unit: ' ms' },
      { what: 'exec -> Ready', found: /^ready +median (\d+)/m, aim: { most: 800 }, unit: ' ms' },
      { what: '-> first pod', found: /^pod +median (\d+)/m, aim: { most: 1200 }, unit: ' ms' },
    ],
  },
  {
    name: 'idle',
    arguments: ['3', '60', '0'],
    rows: [
      {
        what: 'server and node, 10 pods, four minutes after the start: PSS',
        found: /^server: PSS ([\d.]+)/m,
        aim: { most: 70 },
        unit: ' MB',
      },
      {
        what: '... processor',
        found: /^server: .* CPU ([\d.]+)/m,
        aim: { most: 0.03 },
        unit: ' %',
      },
      {
        what: '... written by the minute',
        found: /^server: .*written ([\d.]+) KB/m,
        aim: { most: 10 },
        unit: ' KB',
      },
      {
        what: '... context switches a second',
        found: /^server: .*; ([\d.]+) voluntary/m,
        aim: { most: 1.5 },
      },
    ],
  },
  {
    name: 'pods',
    arguments: ['20', '1'],
    rows: [
      { what: 'pod start, of CRI calls, p50', found: /^ratio +p50 ([\d.]+)/m, aim: { most: 1.15 } },
      { what: '... p99', found: /^ratio .*p99 ([\d.]+)/m, aim: { most: 1.3 } },
    ],
  },
  {
    name: 'api',
    arguments: ['3'],
    rows: [
      {
        what: 'gets/s, 64 clients, of a server that answers from a can',
        found: /^get +64 .*ms; ratio ([\d.]+)/m,
        aim: { least: 1 },
      },
      {
        what: 'creates/s, 64 clients, of it',
        found: /^create +64 .*ms; ratio ([\d.]+)/m,
        aim: { least: 0.6 },
      },
    ],
  },
  {
    name: 'fair',
    arguments: ['12000', '1'],
    rows: [
      {
        what: 'gets/s beside a deletion of 12,000, of those alone',
        found: /^gets: ratio ([\d.]+)/m,
        aim: { least: 0.8 },
      },
      { what: '... p99', found: /^gets: .*?p99 ([\d.]+) times/m, aim: { most: 2 } },
    ],
  },
  {
    name: 'lists',
    arguments: [program('kube-apiserver'), program('etcd'), '3', '0'],
    needs: ['kube-apiserver', 'etcd', 'kubectl'],
    rows: [
      {
        what: 'lists of 5,000 ConfigMaps, protobuf, of kube-apiserver',
        found: /small\/configmaps protobuf 4 clients: ratio ([\d.]+)/m,
        aim: { least: 3 },
      },
      {
        what: '... JSON',
        found: /small\/configmaps json 4 clients: ratio ([\d.]+)/m,
        aim: { least: 3 },
      },
    ],
  },
  {
    name: 'etcd',
    arguments: [program('etcd')],
    needs: ['etcd'],
    rows: ['puts, 64 clients', 'puts, 1 client', 'gets, 64 clients', 'lists of 500'].map(
      (what) => ({
        what: `datastore of etcd: ${what}`,
        found: new RegExp(`^${what}.*: .*ratio ([\\d.]+)`, 'm'),
        aim: { least: 1 },
      }),
    ),
  },
  {
    name: 'store',
    arguments: [],
    rows: [
      {
        what: 'one put, of one FULL commit',
        found: /^one write, of one FULL commit: ([\d.]+)/m,
        aim: { most: 1.2 },
      },
      {
        what: 'durable creates/s in the store, 64 clients, of raw SQLite',
        found: /100 rows a commit: ([\d.]+)/m,
        aim: { least: 0.25 },
      },
    ],
  },
  {
    name: 'schedule',
    arguments: [],
    rows: [
      {
        what: 'a ReplicaSet’s pod at 1,000 nodes of 50 pods',
        found: /ReplicaSet’s pod: ([\d.]+)/m,
        aim: { most: 0.5 },
        unit: ' ms',
      },
    ],
  },
  {
    name: 'kube-scheduler',
    arguments: [instruments, '1000', '2000', '1'],
    needs: ['kube-apiserver', 'kube-scheduler', 'etcd', 'kubectl'],
    rows: [
      {
        what: 'pods bound for a second of a core, of kube-scheduler',
        found: /pods: ratio ([\d.]+)/m,
        aim: { least: 3 },
      },
    ],
  },
];

function verdict({ aim }: Row, figure: number): string {
  const [met, text] =
    'most' in aim
      ? [figure <= aim.most, `at most ${aim.most}`]
      : [figure >= aim.least, `at least ${aim.least}`];
  return `${text.padEnd(14)} ${met ? 'met' : 'NOT MET'}`;
}

const line = (what: string, figure: string, rest: string): void =>
  void process.stdout.write(`${what.padEnd(62)} ${figure.padStart(10)}  ${rest}\n`);

/** All that it says; its complaints go where ours go. */
function run({ name, arguments: given }: Bench): Promise<string> {
  const file = join(import.meta.dirname, `${name}.ts`);
  const child = spawn(process.execPath, ['--expose-gc', file, ...given], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve) => child.once('close', () => resolve(said)));
}

const executable = join(import.meta.dirname, '../../dist/skiff');
const only = values.only?.split(',');
const began = performance.now();
if (!only && existsSync(executable)) {
  const size: Row = { what: 'executable', found: /x/, aim: { most: 100 } };
  const mebibytes = statSync(executable).size / 1024 ** 2;
  line(size.what, `${mebibytes.toFixed(0)} MiB`, verdict(size, mebibytes));
}
for (const bench of benches) {
  if (only && !only.includes(bench.name)) continue;
  const missing = (bench.needs ?? []).filter((one) => !instruments || !existsSync(program(one)));
  const said = missing.length > 0 ? '' : await run(bench);
  for (const row of bench.rows) {
    const figure = row.found.exec(said)?.[1];
    const why = missing.length > 0 ? `needs ${missing.join(', ')}` : `see ${bench.name}.ts`;
    if (figure === undefined) line(row.what, '-', `not measured: ${why}`);
    else line(row.what, `${figure}${row.unit ?? ''}`, verdict(row, Number(figure)));
  }
}
process.stdout.write(`${((performance.now() - began) / 60_000).toFixed(1)} minutes\n`);
