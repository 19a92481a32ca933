import { realpathSync } from 'node:fs';
import { bringKubectl } from '../../build/kubectl.ts';
import { findProgram } from '../packages.ts';
import { run } from './node.ts';

/**
 * kubectl 1.31 or newer speaks WebSockets for exec, attach and port-forward, which is what is
 * tested.
 */
const oldestMinor = 31;

/** A kubectl that is new enough: the one on the PATH, else the one that the build embeds. */
export function ensureKubectl(): string {
  if (process.env['SKIFF_TEST_KUBECTL']) return process.env['SKIFF_TEST_KUBECTL'];
  const there = findProgram('kubectl');
  // Where skiff is installed, kubectl is a link to it, with an environment of its own.
  const upstream = there !== undefined && !realpathSync(there).endsWith('/skiff');
  return upstream && minorOf(there) >= oldestMinor ? there : bringKubectl(process.arch);
}

function minorOf(program: string): number {
  return Number(
    /"minor":\s*"(\d+)/.exec(run([program, 'version', '--client', '-o', 'json']).stdout)?.[1] ?? 0,
  );
}
