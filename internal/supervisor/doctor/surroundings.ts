import { join } from 'node:path';
import { runOk } from '../../io/spawn.ts';
import { devices } from '../../network/overlay/devices.ts';
import { expiries } from '../../pki/authorities.ts';
import { certificateFolders, removeLeaves } from '../credential-services.ts';
import { ledgerPath, readLedger } from '../ledger.ts';
import { op, said, textOf, well, type Check, type DoctorDoors, type Patient } from './check.ts';

/** Below these pods are evicted, or images not pulled. */
const leastRoom = { bytes: 2 * 1024 ** 3, share: 0.1, inodes: 0.05 };
/** A card that takes longer to keep a write holds up the whole control plane. */
const slowSyncMs = 100;
const syncs = 20;
const leastInotify = 512;
const ports = [
  [6443, 'the API server', '--https-listen-port'],
  [10250, 'the kubelet', undefined],
] as const;

/** What is around a node: network, clock, disk, and others who were or are here. */
export async function surroundings(patient: Patient): Promise<Check[]> {
  const { doors } = patient;
  const own = (await doors.processes.list(op)).some(
    ({ command }) =>
      /(^|\/)skiff$/.test(command[0] ?? '') &&
      command.some((word) => word === 'server' || word === 'agent'),
  );
  return [
    await route(doors),
    await names(doors),
    clock(doors),
    ...(await room(patient)),
    await sync(patient),
    ...(own ? [] : await taken(doors)),
    ...(await firewalls(doors)),
    ...(await others(patient)),
    await certificates(patient, own),
    await networkManager(doors),
    await inotify(doors),
  ];
}

async function route(doors: DoctorDoors): Promise<Check> {
  const what = 'default route';
  const lines = (await textOf(doors, '/proc/net/route'))
    .split('\n')
    .map((line) => line.split('\t'));
  if (
    lines.some(
      ([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000',
    )
  )
    return well(what);
  const fix = 'the address of this machine is guessed then: name it by --node-ip';
  return { what, state: 'note', fix };
}

async function names(doors: DoctorDoors): Promise<Check> {
  const what = 'name servers';
  const servers = async (path: string): Promise<string[]> =>
    [...(await textOf(doors, path)).matchAll(/^nameserver\s+(\S+)/gm)].map(([, one = '']) => one);
  const local = (one: string): boolean => /^(127\.|::1$)/.test(one);
  const found = await servers('/etc/resolv.conf');
  // systemd-resolved keeps the real ones there.
  const behind = await servers('/run/systemd/resolve/resolv.conf');
  if ([...found, ...behind].some((one) => !local(one))) return well(what);
  const fix =
    found.length === 0
      ? '/etc/resolv.conf names none: pods find no names outside the cluster'
      : 'all in /etc/resolv.conf are of this machine, which pods do not reach: name others by ' +
        '--resolv-conf';
  return { what, state: 'note', fix };
}

function clock({ clock: time }: DoctorDoors): Check {
  const what = 'clock';
  const [nowMs, earliestMs] = [time.now(), time.earliestMs()];
  if (nowMs >= earliestMs) return well(what);
  const iso = (atMs: number): string => new Date(atMs).toISOString();
  const fix = `it says ${iso(nowMs)}, and it has been ${iso(earliestMs)} already: set it`;
  return { what, state: 'bad', fix };
}

async function room({ doors, dataDir }: Patient): Promise<Check[]> {
  const at = await nearest(doors, dataDir);
  const found = await doors.room(at);
  const free = found.availableBytes;
  const low = free < leastRoom.bytes || free < found.capacityBytes * leastRoom.share;
  const few = found.inodes > 0 && found.inodesFree < found.inodes * leastRoom.inodes;
  const [bytes, inodes] = [`room in ${at}`, `inodes in ${at}`];
  const mebibytes = Math.floor(free / 1024 ** 2);
  return [
    low ? { what: bytes, state: 'note', fix: `${mebibytes} MiB are free: make room` } : well(bytes),
    few ? { what: inodes, state: 'note', fix: 'remove files, small ones too' } : well(inodes),
  ];
}

/** The folder itself, or the one in which it will be. */
async function nearest({ disk }: DoctorDoors, path: string): Promise<string> {
  let at = path;
  while (at !== '/' && !(await disk.stat(op, at))) at = join(at, '..');
  return at;
}

/** How long the disk takes to keep a write: nearly the longest of some. */
async function sync({ doors, dataDir }: Patient): Promise<Check> {
  const { disk, clock: time } = doors;
  const what = 'writes that are kept';
  if (!doors.host.isRoot()) return { what, state: 'note', fix: 'only root can tell' };
  const file = join(await nearest(doors, dataDir), '.skiff-doctor');
  const took: number[] = [];
  try {
    for (let i = 0; i < syncs; i++) {
      const startMs = time.monotonicMs();
      await disk.writeAtomic(op, file, Buffer.alloc(4096, i), { durable: true });
      took.push(time.monotonicMs() - startMs);
    }
  } catch {
    return { what, state: 'bad', fix: `nothing can be written beside ${file}` };
  } finally {
    await disk.remove(op, file).catch(() => undefined);
  }
  const slowMs = Math.round(took.toSorted((a, b) => a - b).at(-2) ?? 0);
  if (slowMs <= slowSyncMs) return well(what);
  const fix = `they take up to ${slowMs} ms on this disk: a faster one, or fewer writers on it`;
  return { what, state: 'note', fix };
}

/** Who listens where skiff will. */
async function taken(doors: DoctorDoors): Promise<Check[]> {
  const lines = [
    ...(await textOf(doors, '/proc/net/tcp')).split('\n'),
    ...(await textOf(doors, '/proc/net/tcp6')).split('\n'),
  ].map((line) => line.trim().split(/\s+/));
  const listening = new Set(
    lines.filter((words) => words[3] === '0A').map((words) => words[1]?.split(':').at(-1)),
  );
  return ports.map(([port, who, flag]) => {
    const what = `port ${port}`;
    if (!listening.has(port.toString(16).toUpperCase().padStart(4, '0'))) return well(what);
    const other = flag === undefined ? '' : `, or give ${who} another: ${flag}`;
    const fix = `somebody else listens there ("ss -ltnp" says who): end that${other}`;
    return { what, state: 'bad', fix };
  });
}

interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** Base chains of others that drop what no rule of theirs names. */
async function firewalls(doors: DoctorDoors): Promise<Check[]> {
  const what = 'firewalls of others';
  const text = await said(doors, ['nft', '--json', 'list', 'chains']);
  if (text === undefined) return [];
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: Chain }[] };
  const cutting = nftables.flatMap(({ chain }) =>
    chain?.policy === 'drop' &&
    (chain.hook === 'forward' || chain.hook === 'input') &&
    !chain.table.startsWith('skiff')
      ? [chain]
      : [],
  );
  if (cutting.length === 0) return [well(what)];
  return cutting.map(({ family, table, name, hook }) => ({
    what,
    state: 'note',
    fix:
      `chain ${family} ${table} ${name} drops what its rules do not name: let ` +
      (hook === 'forward'
        ? 'the pods through (10.42.0.0/16 and 10.43.0.0/16)'
        : 'TCP 6443 and UDP 8472 of other nodes, and everything of pods (10.42.0.0/16), in'),
  }));
}

/** Distributions that left something here, or run here. */
async function others({ doors, dataDir }: Patient): Promise<Check[]> {
  const { disk, spawn } = doors;
  const found: Check[] = [];
  for (const [path, who, how] of [
    ['/var/lib/rancher/k3s/server/db', 'k3s', 'k3s-uninstall.sh, or "skiff migrate k3s" first'],
    ['/etc/kubernetes/manifests', 'kubeadm', 'kubeadm reset'],
    ['/var/snap/microk8s', 'MicroK8s', 'snap remove microk8s'],
    ['/var/lib/k0s', 'k0s', 'k0s reset'],
  ] as const)
    if (await disk.stat(op, path))
      found.push({ what: `state of ${who}`, state: 'note', fix: `${path} is there: ${how}` });
  const links: string[] = await disk.list(op, '/sys/class/net');
  const ours = new Set(
    (await readLedger(disk, ledgerPath(dataDir)))
      .filter(({ kind }) => kind === 'link')
      .map(({ name }) => name),
  );
  for (const link of ['cni0', ...Object.values(devices), 'kube-ipvs0']) {
    if (!links.includes(link) || ours.has(link)) continue;
    found.push({
      what: `network link ${link}`,
      state: 'bad',
      fix: `it is another Kubernetes' and in the way: ip link delete ${link}`,
      mend: async () => void (await runOk(spawn, op, ['ip', 'link', 'delete', link])),
    });
  }
  return found.length > 0 ? found : [well('state of others')];
}

async function certificates({ doors, dataDir }: Patient, own: boolean): Promise<Check> {
  const what = 'certificates';
  const { disk, clock: time } = doors;
  const ended: string[] = [];
  let authority = false;
  for (const dir of certificateFolders(dataDir))
    for (const one of await expiries(disk, dir).catch(() => [])) {
      if (one.fault === undefined && one.notAfterMs > time.now()) continue;
      ended.push(join(dir, one.file));
      authority ||= one.file.endsWith('-ca.crt');
    }
  if (ended.length === 0) return well(what);
  const which = `${ended.join(', ')} ${ended.length > 1 ? 'have' : 'has'} ended or been damaged`;
  if (authority) {
    const fix = `${which}: put it back from a copy, or see "skiff certificate rotate-ca"`;
    return { what, state: 'bad', fix };
  }
  const fix = `${which}: skiff certificate rotate`;
  // A running one renews its own.
  return {
    ...{ what, state: 'bad', fix },
    ...(!own && { mend: async () => await removeLeaves(disk, dataDir) }),
  };
}

async function networkManager(doors: DoctorDoors): Promise<Check> {
  const what = 'NetworkManager';
  if ((await said(doors, ['nmcli', '--terse', '--fields', 'RUNNING', 'general'])) !== 'running\n')
    return well(what);
  const config = await said(doors, ['NetworkManager', '--print-config']);
  if (config === undefined || /^unmanaged-devices=.*(veth|flannel)/m.test(config))
    return well(what);
  const fix =
    'it may take addresses from links of pods: put "[keyfile]" and ' +
    '"unmanaged-devices=interface-name:veth*;interface-name:flannel*" into ' +
    '/etc/NetworkManager/conf.d/skiff.conf, then "nmcli general reload"';
  return { what, state: 'note', fix };
}

async function inotify(doors: DoctorDoors): Promise<Check> {
  const what = 'inotify instances';
  const name = 'fs.inotify.max_user_instances';
  const most = Number(await textOf(doors, '/proc/sys/fs/inotify/max_user_instances'));
  if (!(most < leastInotify)) return well(what);
  const fix = `${most} are few for a hundred pods: ${name}=${leastInotify * 16} in /etc/sysctl.d`;
  return { what, state: 'note', fix };
}
