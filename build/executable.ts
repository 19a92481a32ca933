import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bundle.ts';

const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Runs a step of the build, or ends it with the step's own words. */
export function step(command: string[], options: { quiet?: boolean; cwd?: string } = {}): string {
  const done = spawnSync(command[0] ?? '', command.slice(1), { encoding: 'utf8', cwd: options.cwd ?? root, maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${done.error?.message ?? `status ${done.status}`}\n${done.stdout ?? ''}${done.stderr ?? ''}`);
  return done.stdout;
}

/**
 * The single-executable application (https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html).
 * The base is stripped before the injection: afterwards it would not start any more. The blob comes from the same Node
 * version as the base; its code cache is of this machine's architecture, so a foreign executable goes without.
 */
export function makeExecutable(options: { main: string; assets: Record<string, string>; arch: string; nodePackage: string; work: string; output: string }): void {
  const base = join(options.work, 'base');
  strip(join(options.nodePackage, 'bin/node'), base);
  const blob = join(options.work, 'blob');
  const config = join(options.work, 'sea.json');
  writeFileSync(
    config,
    JSON.stringify({
      main: options.main,
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: options.arch === process.arch,
      execArgv: ['--max-semi-space-size=2'],
      // Lets the server start itself again with flags for little memory (see internal/cli/low-memory.ts).
      execArgvExtension: 'cli',
      assets: options.assets,
    }),
  );
  step([process.execPath, '--experimental-sea-config', config]);
  step([process.execPath, join(root, 'node_modules/postject/dist/cli.js'), base, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse]);
  chmodSync(base, 0o755);
  // A rename, because the program may be running under its old name.
  rmSync(options.output, { force: true });
  renameSync(base, options.output);
}

/** Drops debug symbols (18 MB of 126) when a tool for that is here; the program runs the same without. */
function strip(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o755);
  for (const tool of ['/usr/bin/llvm-strip', '/usr/bin/strip', '/usr/bin/aarch64-linux-gnu-strip']) {
    if (existsSync(tool) && spawnSync(tool, ['-o', to, from]).status === 0) return;
  }
}
