import { cniBinDirs } from '../agent/containerd/open-runtime.ts';
import { ConfigError } from '../base/errors.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { realSpawn } from '../io/spawn.ts';
import { findAirgapPrograms } from '../supervisor/airgap/programs.ts';
import { checkMachine } from './machine-checks.ts';
import { agentConfig } from './node-config.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

interface Check {
  what: string;
  ok: boolean;
  fix: string;
  needed: boolean;
}

/**
 * What a node needs of a machine, each with what to do when it is missing; with a command and its
 * flags, first whether those are right.
 */
export async function checkConfig(words: string[]): Promise<void> {
  const [command, ...argv] = words;
  if (command === undefined) return await checkNeeds();
  if (command !== 'server' && command !== 'agent')
    throw new ConfigError(`check-config: there is no command "${command}" to check`, {
      op: 'config',
      hint: 'server or agent is meant',
    });
  await checkCommand(command, argv);
}

/**
 * All that a start would say of its flags, its environment and its files, without a start. Throws
 * what would end it.
 */
async function checkCommand(command: 'server' | 'agent', argv: string[]): Promise<void> {
  const warn = (line: string): void => void process.stdout.write(`note    ${line}\n`);
  const settings = await gatherSettings({ command, argv, env: process.env, disk: realDisk, warn });
  if (command === 'server')
    await checkMachine(serverConfig(settings, warn), {
      disk: realDisk,
      host: realHost,
      spawn: realSpawn,
      warn,
    });
  else agentConfig(settings, warn);
  process.stdout.write(`ok      the configuration of skiff ${command}\n`);
}

/** The kernel is asked to take such a rule, and nothing is changed. */
async function reversePaths(): Promise<Check> {
  const rules =
    'table inet skiff-check {\n  chain c {\n    fib saddr . iif oif missing drop\n  }\n}\n';
  const { code } = await realSpawn.run('check', ['nft', '--check', '--file', '-'], {
    input: Buffer.from(rules),
  });
  return {
    what: 'reverse paths in nftables, for network policies',
    ok: code === 0,
    fix: 'a kernel with CONFIG_NFT_FIB_INET is needed, or --disable-network-policy',
    needed: true,
  };
}

async function checkNeeds(): Promise<void> {
  const dataDir = process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff';
  findAirgapPrograms(dataDir);
  if (!realHost.isRoot())
    process.stdout.write('note    only root can see all of this: sudo skiff check-config\n');

  const program = async (name: string, packaged: string): Promise<Check> => {
    const folders = [
      '/usr/local/sbin',
      '/usr/local/bin',
      '/usr/sbin',
      '/usr/bin',
      '/sbin',
      '/bin',
      `${dataDir}/airgap/bin`,
    ];
    const found = await Promise.all(
      folders.map((folder) => realDisk.stat('check', `${folder}/${name}`)),
    );
    return {
      what: `program ${name}`,
      ok: found.some(Boolean),
      fix: `install the package ${packaged}`,
      needed: true,
    };
  };
  const path = async (what: string, file: string, fix: string, needed = true): Promise<Check> => ({
    what,
    ok: (await realDisk.stat('check', file)) !== undefined,
    fix,
    needed,
  });
  const plugin = async (bundle: string): Promise<Check> => {
    const found = await Promise.all(
      [...cniBinDirs, bundle].map((dir) => realDisk.stat('check', `${dir}/ptp`)),
    );
    return {
      what: 'CNI plug-in ptp',
      ok: found.some(Boolean),
      fix: 'install the package containernetworking-plugins',
      needed: true,
    };
  };
  const cgroup2 = (await realDisk.stat('check', '/sys/fs/cgroup/cgroup.controllers')) !== undefined;
  const memory: Check = cgroup2
    ? {
        what: 'memory cgroup (v2)',
        ok: (await realDisk.read('check', '/sys/fs/cgroup/cgroup.controllers'))
          .toString()
          .includes('memory'),
        fix: 'add "cgroup_enable=memory cgroup_memory=1" to the kernel command line',
        needed: true,
      }
    : await path(
        'memory cgroup (v1)',
        '/sys/fs/cgroup/memory',
        'add "cgroup_enable=memory cgroup_memory=1" to the kernel command line',
      );
  const nft = await realSpawn.run('check', ['nft', 'list', 'tables']).catch(() => undefined);
  const checks: Check[] = [
    await program('containerd', 'containerd'),
    await program('runc', 'runc'),
    await program('nft', 'nftables'),
    await program('conntrack', 'conntrack'),
    await program('ip', 'iproute2'),
    await program('mount', 'mount'),
    await plugin(`${dataDir}/airgap/cni`),
    memory,
    realHost.isRoot()
      ? {
          what: 'nftables in the kernel',
          ok: nft?.code === 0,
          fix: 'a kernel with CONFIG_NF_TABLES is needed',
          needed: true,
        }
      : { what: 'nftables in the kernel', ok: false, fix: 'only root can tell', needed: false },
    ...(nft?.code === 0 ? [await reversePaths()] : []),
    await path('network namespaces', '/proc/self/ns/net', 'a kernel with CONFIG_NET_NS is needed'),
    await path(
      'overlayfs',
      '/sys/module/overlay',
      'modprobe overlay, or use --snapshotter native',
      false,
    ),
  ];
  for (const check of checks)
    process.stdout.write(
      `${check.ok ? 'ok     ' : check.needed ? 'MISSING' : 'note   '} ` +
        `${check.what}${check.ok ? '' : `: ${check.fix}`}\n`,
    );
  if (checks.some((check) => check.needed && !check.ok)) process.exitCode = 1;
}
