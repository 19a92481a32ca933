import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const states = new Map([
  ['PASS', 'passed'],
  ['FAIL', 'failed'],
  ['SKIP', 'skipped'],
]);

/**
 * Runs a suite that was built by `go test -c` against a cluster, prints how many of its tests
 * passed and which failed, and writes one line a test: state, seconds, name. Parts of a test are
 * not told of. Resolves with the status to exit with.
 */
export async function runGoSuite(options: {
  program: string;
  args: readonly string[];
  kubeconfig: string;
  /** Where the log goes; made when it is missing. */
  out: string;
  name: string;
  /** Written when given, below this heading. */
  table: string | undefined;
  heading: string;
}): Promise<number> {
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  const log = join(out, `${options.name}.log`);
  const written = createWriteStream(log);
  const child = spawn(
    options.program,
    ['-test.v', '-test.timeout=60m', '-test.run=TestConformance$', ...options.args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: out,
      env: { ...process.env, KUBECONFIG: resolve(options.kubeconfig) },
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream.pipe(written, { end: false });
  const code = await new Promise((done) => child.on('close', done));
  await new Promise<void>((done) => written.end(done));
  const said = readFileSync(log, 'utf8').matchAll(
    /^ {4}--- (PASS|FAIL|SKIP): TestConformance\/([^\s/]+) \(([\d.]+)s\)/gm,
  );
  const lines = [...said].map(([, state = '', name = '', seconds = '']) =>
    [states.get(state), Number(seconds).toFixed(1), name].join('\t'),
  );
  const counts = [...states.values()].map(
    (state) => `${lines.filter((line) => line.startsWith(state)).length} ${state}`,
  );
  process.stdout.write(`status ${String(code)}: ${counts.join(', ')}\n`);
  process.stdout.write(`${lines.filter((line) => line.startsWith('failed')).join('\n')}\n`);
  const byName = (line: string): string => line.split('\t')[2] ?? '';
  if (options.table)
    writeFileSync(
      options.table,
      `# ${options.heading}: state, seconds, name.\n` +
        `${lines.toSorted((a, b) => (byName(a) < byName(b) ? -1 : 1)).join('\n')}\n`,
    );
  return code === 0 ? 0 : 1;
}
