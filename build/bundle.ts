import { build, type Plugin } from 'esbuild';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

/**
 * Packages that look for a native addon beside themselves are handed the one that loadAddon has
 * loaded.
 */
const addons: Plugin = {
  name: 'addons',
  setup(setup) {
    setup.onLoad({ filter: /node-pty[/\\]requireBinary\.js$/ }, () => ({
      contents: `exports.requireBinary = (file) => globalThis[Symbol.for('skiff.addons')][file];`,
    }));
    // Optional parts that are never used here must not be looked for at run time.
    setup.onResolve(
      { filter: /^(pg-native|pg-cloudflare|bufferutil|utf-8-validate)$/ },
      (args) => ({ path: args.path, namespace: 'absent' }),
    );
    setup.onLoad({ filter: /.*/, namespace: 'absent' }, (args) => ({
      contents:
        `throw Object.assign(new Error('${args.path} is not part of skiff'), { code: ` +
        `'MODULE_NOT_FOUND' });`,
    }));
  },
};

/**
 * Bundles `entry` (below the root) into one CommonJS file, and returns the names of all files in
 * it, below the root too.
 */
export async function bundle(entry: string, outfile: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    metafile: true,
    // Names of files are kept in the bundle: they must not tell where it was made.
    absWorkingDir: root,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    plugins: [addons],
    // In the executable nothing may look beside the source file; these keep the expressions valid.
    define: { 'import.meta.dirname': '"/"', 'import.meta.url': '"file:///skiff"' },
    loader: { '.proto': 'text', '.md': 'text', '.yaml': 'text' },
    logLevel: 'warning',
    logOverride: { 'require-resolve-not-external': 'silent' },
  });
  requireAscii(outfile);
  return Object.keys(metafile.inputs);
}

/**
 * One character that is not ASCII, and V8 keeps the whole program with two bytes for each. esbuild
 * escapes strings, but not regular expressions: they say \\u00b5.
 */
function requireAscii(file: string): void {
  const text = readFileSync(file, 'latin1');
  const found = /.{0,40}[^\0-\x7f].{0,20}/.exec(text);
  if (found) throw new Error(`${file}: not ASCII: ${found[0]}`);
}

/** The scripts named in calls of startWorker, as paths below internal/. */
export function workerEntries(): string[] {
  const found = new Set<string>();
  const files = readdirSync(join(root, 'internal'), { recursive: true, encoding: 'utf8' });
  for (const file of files) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file === 'io/worker.ts') continue;
    const text = readFileSync(join(root, 'internal', file), 'utf8');
    for (const match of text.matchAll(/startWorker\(\s*'([^']+)'/g))
      if (match[1] !== undefined) found.add(match[1]);
  }
  return [...found].toSorted();
}
