import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build as buildPause } from '../images/pause/image.ts';
import { workerAsset } from '../internal/io/worker.ts';
import { manifestName, type BuildInfo } from '../internal/io/assets.ts';
import { bundle, root, workerEntries } from './bundle.ts';

/** Collects everything that is embedded for `arch` in `work`, and returns asset name -> file. */
export async function collectAssets(arch: string, work: string, modules: string, version: BuildInfo): Promise<Record<string, string>> {
  const files: Record<string, string> = {
    'better_sqlite3.node': join(root, `node_modules/better-sqlite3/prebuilds/linux-${arch}.node`),
    'pty.node': join(modules, `@lydell/node-pty-linux-${arch}/pty.node`),
    'pause.tar': join(work, 'pause.tar'),
  };
  writeFileSync(join(work, 'pause.tar'), buildPause(arch));
  for (const entry of workerEntries()) {
    const name = workerAsset(entry);
    files[name] = join(work, name);
    mkdirSync(dirname(join(work, name)), { recursive: true });
    await bundle(join('internal', entry), join(work, name));
  }
  const assets: Record<string, { hash: string; size: number }> = {};
  for (const [name, file] of Object.entries(files)) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run "npm ci" first`);
    const bytes = readFileSync(file);
    assets[name] = { hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16), size: bytes.length };
  }
  files[manifestName] = join(work, manifestName);
  writeFileSync(join(work, manifestName), JSON.stringify({ ...version, assets }));
  return files;
}
