import { cniBinDirs } from '../../agent/containerd/open-runtime.ts';
import { runOk } from '../../io/spawn.ts';
import { op, said, textOf, well, type Check, type DoctorDoors, type Patient } from './check.ts';

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** What a node calls, and Debian's package that has it. */
const programs = [
  ['containerd', 'containerd'],
  ['runc', 'runc'],
  ['nft', 'nftables'],
  ['conntrack', 'conntrack'],
  ['ip', 'iproute2'],
  ['mount', 'mount'],
] as const;
const installWithinMs = 600_000;

/** What a node needs of a machine: programs, and what the kernel can do. */
export async function needs({ doors, dataDir }: Patient): Promise<Check[]> {
  const { disk, host } = doors;
  const isThere = async (paths: string[]): Promise<boolean> =>
    (await Promise.all(paths.map((path) => disk.stat(op, path)))).some(Boolean);
  const packaged = async (what: string, paths: string[], name: string): Promise<Check> =>
    (await isThere(paths))
      ? well(what)
      : {
          ...{ what, state: 'bad', fix: `install the package ${name}` },
          ...((await said(doors, ['apt-get', '--version'])) !== undefined && {
            mend: async () =>
              void (await runOk(
                doors.spawn,
                op,
                ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', name],
                { timeoutMs: installWithinMs, env: { DEBIAN_FRONTEND: 'noninteractive' } },
              )),
          }),
        };
  return [
    ...(await Promise.all(
      programs.map(([name, of]) =>
        packaged(
          `program ${name}`,
          [...folders, `${dataDir}/airgap/bin`].map((folder) => `${folder}/${name}`),
          of,
        ),
      ),
    )),
    await packaged(
      'CNI plug-in ptp',
      [...cniBinDirs, `${dataDir}/airgap/cni`].map((dir) => `${dir}/ptp`),
      'containernetworking-plugins',
    ),
    await memoryCgroup(doors, isThere),
    ...(host.isRoot()
      ? await nftables(doors)
      : [{ what: 'nftables in the kernel', state: 'note', fix: 'only root can tell' } as Check]),
    (await isThere(['/proc/self/ns/net']))
      ? well('network namespaces')
      : { what: 'network namespaces', state: 'bad', fix: 'a kernel with CONFIG_NET_NS is needed' },
    await overlay(doors),
  ];
}

async function memoryCgroup(
  doors: DoctorDoors,
  isThere: (paths: string[]) => Promise<boolean>,
): Promise<Check> {
  const second = await textOf(doors, '/sys/fs/cgroup/cgroup.controllers');
  const what = `memory cgroup (v${second === '' ? 1 : 2})`;
  const there =
    second === '' ? await isThere(['/sys/fs/cgroup/memory']) : /\bmemory\b/.test(second);
  const fix = 'add "cgroup_enable=memory cgroup_memory=1" to the kernel command line';
  return there ? well(what) : { what, state: 'bad', fix };
}

async function nftables(doors: DoctorDoors): Promise<Check[]> {
  const what = 'nftables in the kernel';
  if ((await said(doors, ['nft', 'list', 'tables'])) === undefined)
    return [{ what, state: 'bad', fix: 'a kernel with CONFIG_NF_TABLES is needed' }];
  // The kernel is asked to take such a rule, and nothing is changed.
  const rules =
    'table inet skiff-check {\n  chain c {\n    fib saddr . iif oif missing drop\n  }\n}\n';
  const input = { input: Buffer.from(rules) };
  const { code } = await doors.spawn.run(op, ['nft', '--check', '--file', '-'], input);
  const reverse = 'reverse paths in nftables, for network policies';
  const fix = 'a kernel with CONFIG_NFT_FIB_INET is needed, or --disable-network-policy';
  return [well(what), code === 0 ? well(reverse) : { what: reverse, state: 'bad', fix }];
}

async function overlay(doors: DoctorDoors): Promise<Check> {
  const there = /\toverlay$/m.test(await textOf(doors, '/proc/filesystems'));
  if (there) return well('overlayfs');
  return {
    ...{ what: 'overlayfs', state: 'note', fix: 'modprobe overlay, or use --snapshotter native' },
    mend: async () => void (await runOk(doors.spawn, op, ['modprobe', 'overlay'])),
  };
}
