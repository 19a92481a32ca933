import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './bundle.ts';
import { strip } from './strip.ts';

const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Runs a step of the build, or ends it with the step's own words. */
export function step(command: string[], options: { quiet?: boolean; cwd?: string } = {}): string {
  const done = spawnSync(command[0] ?? '', command.slice(1), {
    encoding: 'utf8',
    cwd: options.cwd ?? root,
    maxBuffer: 1 << 28,
  });
  if (done.status !== 0)
    throw new Error(
      `${command.join(' ')}: ${done.error?.message ?? `status ${done.status}`}\n` +
        `${done.stdout ?? ''}${done.stderr ?? ''}`,
    );
  return done.stdout;
}

/**
 * The single-executable application
 * (https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html). The base is
 * stripped before the injection: afterwards it would not start any more. The blob comes from the
 * same Node version as the base; its code cache is of this machine's architecture, so a foreign
 * executable goes without. The same input gives the same bytes: V8 draws no random seed for the
 * hashes in the code cache, and no path gets in.
 */
export function makeExecutable(options: {
  main: string;
  assets: Record<string, string>;
  arch: string;
  nodePackage: string;
  work: string;
  output: string;
}): void {
  // Beside the output, which may lie on another file system than the folder of the work.
  const base = `${options.output}.new`;
  writeFileSync(base, strip(readFileSync(join(options.nodePackage, 'bin/node'))));
  const blob = join(options.work, 'blob');
  const config = join(options.work, 'sea.json');
  writeFileSync(
    config,
    JSON.stringify({
      main: basename(options.main),
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: options.arch === process.arch,
      execArgv: ['--max-semi-space-size=2'],
      // Lets the server start itself again with flags for little memory (see
      // internal/cli/low-memory.ts).
      execArgvExtension: 'cli',
      assets: options.assets,
    }),
  );
  step([process.execPath, '--random-seed=1', '--experimental-sea-config', config], {
    cwd: options.work,
  });
  step([
    process.execPath,
    join(root, 'node_modules/postject/dist/cli.js'),
    base,
    'NODE_SEA_BLOB',
    blob,
    '--sentinel-fuse',
    fuse,
  ]);
  chmodSync(base, 0o755);
  // A rename, because the program may be running under its old name.
  renameSync(base, options.output);
}
