import { bringKubectl } from '../../build/kubectl.ts';
import { run } from './node.ts';

/** kubectl 1.31 or newer speaks WebSockets for exec, attach and port-forward, which is what is tested. */
const oldestMinor = 31;

/** A kubectl that is new enough: the one on the PATH, else the one that the build embeds. */
export function ensureKubectl(): string {
  if (process.env['SKIFF_TEST_KUBECTL']) return process.env['SKIFF_TEST_KUBECTL'];
  return minorOf('kubectl') >= oldestMinor ? 'kubectl' : bringKubectl(process.arch);
}

function minorOf(program: string): number {
  return Number(/"minor":\s*"(\d+)/.exec(run([program, 'version', '--client', '-o', 'json']).stdout)?.[1] ?? 0);
}
