import { spawnSync } from 'node:child_process';
import { existsSync, globSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Need {
  /** A name on the PATH, or the pattern of an absolute path. */
  program: string;
  packages: string[];
}

/** Programs that the tests call, and Debian's packages that bring them: the only such list. */
const needed: Need[] = [
  { program: 'containerd', packages: ['containerd'] },
  { program: 'runc', packages: ['runc'] },
  { program: '/usr/lib/cni/ptp', packages: ['containernetworking-plugins'] },
  { program: 'nft', packages: ['nftables'] },
  { program: 'conntrack', packages: ['conntrack'] },
  { program: 'ip', packages: ['iproute2'] },
  { program: 'wg', packages: ['wireguard-tools'] },
  { program: 'wireguard-go', packages: ['wireguard-go'] },
  { program: '/bin/busybox', packages: ['busybox-static'] },
  { program: 'mount', packages: ['mount'] },
  { program: 'mkfs.ext4', packages: ['e2fsprogs'] },
  { program: 'pgrep', packages: ['procps'] },
  { program: 'curl', packages: ['curl'] },
  { program: 'openssl', packages: ['openssl'] },
  { program: 'gcc', packages: ['gcc'] },
  { program: '/usr/include/stdio.h', packages: ['libc6-dev'] },
  { program: 'bzip2', packages: ['bzip2'] },
  { program: 'lz4', packages: ['lz4'] },
  { program: 'zstd', packages: ['zstd'] },
  { program: 'haproxy', packages: ['haproxy'] },
  { program: 'chromium', packages: ['chromium'] },
  { program: 'patchelf', packages: ['patchelf'] },
  { program: 'skopeo', packages: ['skopeo'] },
  { program: 'mmdebstrap', packages: ['mmdebstrap'] },
  { program: 'etcd', packages: ['etcd-server'] },
  { program: 'etcdctl', packages: ['etcd-client'] },
  { program: '/usr/lib/postgresql/*/bin/initdb', packages: ['postgresql'] },
];

/** Where the program is, if it is; SKIFF_ETCD names another etcd, and so on. */
export function findProgram(program: string): string | undefined {
  const named = process.env[`SKIFF_${program.toUpperCase()}`];
  if (named && existsSync(named)) return named;
  if (program.startsWith('/')) return globSync(program)[0];
  // Some users' PATH lacks the folders of the administrator.
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/**
 * The program's path, for a test that cannot run without it. A test that was passed over in silence
 * would prove nothing.
 */
export function requireProgram(program: string): string {
  const found = findProgram(program);
  if (found) return found;
  const packages = needed.find((need) => need.program === program)?.packages ?? [];
  throw new Error(
    `this test needs ${program}, which is not on this machine: as root "apt-get install ` +
      `${packages.join(' ')}", or run "npm test" as root, which installs it`,
  );
}

/**
 * Before the first test, as a global setup of vitest: what is missing is installed from the
 * distribution.
 */
export default function installMissing(): void {
  const packages = needed
    .filter(({ program }) => !findProgram(program))
    .flatMap((need) => need.packages);
  if (packages.length === 0) return;
  const list = packages.join(' ');
  if (process.getuid?.() !== 0 || !findProgram('apt-get')) {
    process.stderr.write(
      `missing on this machine, and only root can install it: ${list}\n  the tests that need ` +
        `them will fail; as root: apt-get install --no-install-recommends ${list}\n`,
    );
    return;
  }
  process.stdout.write(`installing ${list}\n`);
  withoutServices(() => {
    apt(['update', '-qq']);
    apt(['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  });
  const still = needed.filter(({ program }) => !findProgram(program));
  if (still.length)
    throw new Error(
      `installed ${list}, but there is still no ${still.map((need) => need.program).join(', no ')}`,
    );
}

/**
 * Tests start what they need themselves. A package whose service starts on installation would take
 * its port and disk for good.
 */
function withoutServices(install: () => void): void {
  const policy = '/usr/sbin/policy-rc.d';
  // Images of containers have one already, which says the same.
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

function apt(args: string[]): void {
  // Another run on this machine may be installing: wait for it.
  const done = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    timeout: 900_000,
  });
  if (done.status !== 0)
    throw new Error(
      `apt-get ${args.join(' ')}: status ${String(done.status)}\n` +
        `${done.stdout.slice(-2000)}\n${done.stderr.slice(-2000)}`,
    );
}
