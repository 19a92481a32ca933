import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { build as buildPause } from '../images/pause/image.ts';
import { workerAsset } from '../internal/io/worker.ts';
import { manifestName } from '../internal/io/assets.ts';
import { bundle, root, workerEntries } from './bundle.ts';
import { bundlePage } from './dashboard.ts';
import { licenseNotices, packageDirs } from './licenses.ts';
import { bundledSqlite, sbom } from './sbom.ts';

/** Programs that are only needed now and then are packed: they are unpacked to a file anyway. */
const packed = new Set(['kubectl', 'licenses.txt']);

export interface Collect {
  arch: string;
  work: string;
  /** A node_modules with what is made for `arch`. */
  modules: string;
  /** The bundled program. */
  main: string;
  version: string;
  /** Its day. */
  date: string;
  kubectl: string | undefined;
  /** Where the list of what it is made of goes, if it is wanted. */
  sbomFile?: string | undefined;
}

/**
 * Collects everything that is embedded for an architecture in `work`, and returns asset name ->
 * file. The manifest among them names the build: a hash of all that is in it, so that the same
 * sources have the same name wherever they are built.
 */
export async function collectAssets({
  arch,
  work,
  modules,
  main,
  version,
  date,
  kubectl,
  sbomFile,
}: Collect): Promise<Record<string, string>> {
  const inputs = await bundle('cmd/skiff.ts', main);
  const files: Record<string, string> = {
    'better_sqlite3.node': join(root, `node_modules/better-sqlite3/prebuilds/linux-${arch}.node`),
    'admin-policy-kinds.json.gz': join(root, 'internal/supervisor/admin-policy-kinds.json.gz'),
    'gateway-kinds.json.gz': join(root, 'internal/supervisor/gateway-kinds.json.gz'),
    'pty.node': join(modules, `@lydell/node-pty-linux-${arch}/pty.node`),
    'pause.tar': join(work, 'pause.tar'),
    'dashboard.pack': join(work, 'dashboard.pack'),
    'licenses.txt': join(work, 'licenses.txt'),
    ...(kubectl !== undefined && { kubectl }),
  };
  writeFileSync(join(work, 'pause.tar'), buildPause(arch));
  for (const entry of workerEntries()) {
    const name = workerAsset(entry);
    files[name] = join(work, name);
    mkdirSync(dirname(join(work, name)), { recursive: true });
    inputs.push(...(await bundle(join('internal', entry), join(work, name))));
  }
  const page = bundlePage();
  inputs.push(...page.inputs);
  writeFileSync(join(work, 'dashboard.pack'), page.pack);
  const dirs = [...packageDirs(root, inputs), join(modules, `@lydell/node-pty-linux-${arch}`)];
  const nodePackage = join(modules, `node-linux-${arch}`);
  writeFileSync(
    join(work, 'licenses.txt'),
    licenseNotices({
      own: join(root, 'LICENSE'),
      dirs,
      nodePackage,
      kubectl: kubectl !== undefined,
    }),
  );
  const whole = createHash('sha256')
    .update(`${version} ${date} `)
    .update(readFileSync(main))
    .update(readFileSync(join(nodePackage, 'bin/node')));
  const assets: Record<string, { hash: string; size: number; packed?: 'zstd' }> = {};
  for (const [name, file] of Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run "npm ci" first`);
    const bytes = readFileSync(file);
    whole.update(`${name} ${bytes.length} `).update(bytes);
    assets[name] = {
      hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
      size: bytes.length,
      ...(packed.has(name) && { packed: 'zstd' }),
    };
    if (!packed.has(name)) continue;
    files[name] = join(work, `${name}.zst`);
    writeFileSync(
      files[name],
      zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 9 } }),
    );
  }
  const name = whole.digest('hex').slice(0, 12);
  if (sbomFile !== undefined) {
    const list = sbom({
      version,
      build: name,
      arch,
      dirs,
      nodePackage,
      kubectl: kubectl !== undefined,
      lockFile: join(root, 'package-lock.json'),
      sqliteVersion: await bundledSqlite(root),
    });
    writeFileSync(sbomFile, `${JSON.stringify(list, undefined, 2)}\n`);
  }
  files[manifestName] = join(work, manifestName);
  writeFileSync(
    join(work, manifestName),
    JSON.stringify({ version, build: name, builtMs: Date.parse(date), assets }),
  );
  return files;
}
