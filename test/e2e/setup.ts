import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureKubectl } from './kubectl.ts';
import { ok, root, run } from './node.ts';

/** Programs that the tests call, and Debian's packages that bring them. */
const needed: [program: string, packages: string[]][] = [
  ['containerd', ['containerd', 'runc']],
  ['/usr/lib/cni/ptp', ['containernetworking-plugins']],
  ['nft', ['nftables']],
  ['conntrack', ['conntrack']],
  ['ip', ['iproute2']],
  ['/bin/busybox', ['busybox-static']],
  ['pgrep', ['procps']],
  ['curl', ['curl']],
];

/** Before the first test: what is missing is installed from the distribution, and the executable is built. */
export default function setup(): void {
  if (process.getuid?.() !== 0) throw new Error('the end-to-end tests make namespaces and containers: run them as root');
  const missing = needed.filter(([program]) => (program.startsWith('/') ? !existsSync(program) : run(['bash', '-c', `command -v ${program}`]).code !== 0));
  if (missing.length) {
    ok(['apt-get', 'update', '-qq'], { timeoutMs: 300_000 });
    ok(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing.flatMap(([, packages]) => packages)], { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 600_000 });
  }
  process.env['SKIFF_TEST_KUBECTL'] = ensureKubectl();
  if (!process.env['SKIFF_TEST_NO_BUILD']) ok(['npm', 'run', 'build', '--silent'], { timeoutMs: 300_000 });
  if (!existsSync(join(root, 'dist/skiff'))) throw new Error('dist/skiff is not there after the build');
}
