import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { collectAssets } from './assets.ts';
import { root } from './bundle.ts';
import { makeExecutable, step } from './executable.ts';
import { bringHelm, bringKubectl } from './kubectl.ts';

const { values } = parseArgs({
  options: {
    arch: { type: 'string' },
    output: { type: 'string' },
    sbom: { type: 'string' },
    'without-kubectl': { type: 'boolean' },
    'without-helm': { type: 'boolean' },
  },
});
const aliases: Record<string, string> = { amd64: 'x64', x86_64: 'x64', aarch64: 'arm64' };
const arch = aliases[values.arch ?? ''] ?? values.arch ?? process.arch;
if (arch !== 'x64' && arch !== 'arm64')
  fail(`--arch ${values.arch}: only x64 and arm64 can be built`);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  date: string;
  optionalDependencies: Record<string, string>;
};
const wanted = `v${manifest.optionalDependencies[`node-linux-${arch}`]}`;
if (process.version !== wanted)
  fail(`this is Node ${process.version}, the build needs ${wanted}: start it with "npm run build"`);

const started = performance.now();
const own = arch === process.arch;
const output = values.output ?? join(root, 'dist', own ? 'skiff' : `skiff-${arch}`);
const work = join(root, 'dist', `work-${arch}`);
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
const modules = own ? join(root, 'node_modules') : foreignModules(arch);
const main = join(work, 'main.cjs');
const kubectl = values['without-kubectl'] ? undefined : bringKubectl(arch);
// Beside the executable, where install.sh and the tests find it.
if (!values['without-helm']) bringHelm(arch);
const assets = await collectAssets({
  arch,
  work,
  modules,
  main,
  version: manifest.version,
  date: manifest.date,
  kubectl,
  sbomFile: values.sbom,
});
makeExecutable({
  main,
  assets,
  arch,
  nodePackage: join(modules, `node-linux-${arch}`),
  work,
  output,
});
rmSync(work, { recursive: true, force: true });
console.log(
  `${output}: ${(statSync(output).size / 1048576).toFixed(0)} MiB in ` +
    `${((performance.now() - started) / 1000).toFixed(1)} s`,
);

/** The runtime and addons of another architecture, by the lock file and so with its checksums. */
function foreignModules(foreign: string): string {
  const dir = join(root, 'dist', `modules-${foreign}`);
  const needed = [`node-linux-${foreign}`, `@lydell/node-pty-linux-${foreign}`];
  if (!needed.every((name) => existsSync(join(dir, 'node_modules', name)))) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    step([
      'cp',
      join(root, 'package.json'),
      join(root, 'package-lock.json'),
      join(root, '.npmrc'),
      dir,
    ]);
    step(['npm', 'ci', '--os=linux', `--cpu=${foreign}`, '--omit=dev'], { cwd: dir });
  }
  return join(dir, 'node_modules');
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
