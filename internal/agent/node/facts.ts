import type { Disk } from '../../io/disk.ts';
import type { Host } from '../../io/host.ts';
import type { Machine } from '../machine.ts';

/** What this machine is. Bytes unless named otherwise. */
export interface NodeFacts {
  cpus: number;
  memoryBytes: number;
  swapBytes: number;
  /** Of the file system that holds the agent's data. */
  diskBytes: number;
  /** Pages by size in bytes. */
  hugePages: { sizeBytes: number; count: number }[];
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernel: string;
  osImage: string;
  arch: string;
}

/** Reads them; what a machine does not have is empty. */
export async function readFacts(effects: {
  disk: Disk;
  host: Host;
  machine: Pick<Machine, 'room'>;
  dataDir: string;
}): Promise<NodeFacts> {
  const { disk, host, machine } = effects;
  const read = async (path: string): Promise<string> =>
    ((await disk.readIfThere('node.facts', path).catch(() => undefined))?.toString() ?? '').trim();
  const [meminfo, machineId, uuid, bootId, release, room] = await Promise.all([
    read('/proc/meminfo'),
    read('/etc/machine-id'),
    read('/sys/class/dmi/id/product_uuid'),
    read('/proc/sys/kernel/random/boot_id'),
    read('/etc/os-release'),
    machine.room('node.facts', effects.dataDir),
  ]);
  const memory = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  return {
    cpus: host.cpus(),
    memoryBytes: memory('MemTotal') || host.memoryBytes(),
    swapBytes: memory('SwapTotal'),
    diskBytes: room.capacityBytes,
    hugePages: await readHugePages(disk),
    machineId,
    systemUuid: uuid || machineId,
    bootId,
    kernel: host.kernel(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(release)?.[1] ?? 'Linux',
    arch: host.arch(),
  };
}

async function readHugePages(disk: Disk): Promise<NodeFacts['hugePages']> {
  const folder = '/sys/kernel/mm/hugepages';
  const pages: NodeFacts['hugePages'] = [];
  for (const name of await disk.list('node.hugepages', folder).catch(() => [])) {
    const kilobytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
    if (!kilobytes) continue;
    const count = Number(
      (await disk.readIfThere('node.hugepages', `${folder}/${name}/nr_hugepages`))?.toString() ?? 0,
    );
    pages.push({ sizeBytes: Number(kilobytes) * 1024, count });
  }
  return pages;
}
