import { existsSync } from 'node:fs';
import { join } from 'node:path';
import installMissing from '../packages.ts';
import { ensureKubectl } from './kubectl.ts';
import { ok, root } from './node.ts';

/**
 * Before the first test: what is missing is installed from the distribution, and the executable is
 * built.
 */
export default function setup(): void {
  if (process.getuid?.() !== 0)
    throw new Error('the end-to-end tests make namespaces and containers: run them as root');
  installMissing();
  process.env['SKIFF_TEST_KUBECTL'] = ensureKubectl();
  if (!process.env['SKIFF_TEST_NO_BUILD'])
    ok(['npm', 'run', 'build', '--silent'], { timeoutMs: 300_000 });
  if (!existsSync(join(root, 'dist/skiff')))
    throw new Error('dist/skiff is not there after the build');
}
