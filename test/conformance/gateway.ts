/**
 * Runs the Gateway API's own conformance tests against a cluster, and writes one line a test.
 *
 *     node test/conformance/gateway.ts --instruments DIR --kubeconfig FILE [--out DIR]
 *         [--table FILE] [--run-test NAME]
 *
 * DIR has `conformance.test`, made by `go test -c sigs.k8s.io/gateway-api/conformance`; the cluster
 * has that module's image `echo-basic`. What is claimed is read from the GatewayClass.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { supportedFeatures } from '../../internal/controllers/gateway/plan.ts';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    kubeconfig: { type: 'string' },
    out: { type: 'string', default: 'conformance-out' },
    table: { type: 'string' },
    'run-test': { type: 'string' },
  },
});
if (!values.instruments || !values.kubeconfig) {
  process.stderr.write(
    'usage: gateway.ts --instruments DIR --kubeconfig FILE [--out DIR] [--table FILE] ' +
      '[--run-test NAME]\n',
  );
  process.exit(1);
}
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const log = join(out, 'gateway.log');
const written = createWriteStream(log);
const child = spawn(
  join(resolve(values.instruments), 'conformance.test'),
  [
    '-test.v',
    '-test.timeout=60m',
    '-test.run=TestConformance',
    '--gateway-class=skiff',
    '--conformance-profiles=GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP',
    `--supported-features=${supportedFeatures.join(',')}`,
    '--organization=skiff',
    '--project=skiff',
    '--url=https://example.com/skiff',
    '--version=development',
    '--contact=none',
    `--report-output=${join(out, 'gateway-report.yaml')}`,
    ...(values['run-test'] ? [`--run-test=${values['run-test']}`] : []),
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

/** Tests of the suite, without their parts. */
const said = readFileSync(log, 'utf8').matchAll(
  /^ {4}--- (PASS|FAIL|SKIP): TestConformance\/([^\s/]+) \(([\d.]+)s\)/gm,
);
const states = new Map([
  ['PASS', 'passed'],
  ['FAIL', 'failed'],
  ['SKIP', 'skipped'],
]);
const lines = [...said].map(([, state = '', name = '', seconds = '']) =>
  [states.get(state), Number(seconds).toFixed(1), name].join('\t'),
);
const counts = [...states.values()].map(
  (state) => `${lines.filter((line) => line.startsWith(state)).length} ${state}`,
);
process.stdout.write(`status ${String(code)}: ${counts.join(', ')}\n`);
process.stdout.write(`${lines.filter((line) => line.startsWith('failed')).join('\n')}\n`);
if (values.table)
  writeFileSync(
    values.table,
    `# One node, Gateway API v1.6.2, its suite in one go: state, seconds, name.\n${lines
      .toSorted((a, b) => ((a.split('\t')[2] ?? '') < (b.split('\t')[2] ?? '') ? -1 : 1))
      .join('\n')}\n`,
  );
process.exit(code === 0 ? 0 : 1);
