import { messageOf } from '../base/errors.ts';
import type { Ipv4 } from '../base/addresses.ts';
import type { Disk } from '../io/disk.ts';
import type { Host } from '../io/host.ts';
import type { Log } from '../io/log.ts';
import { runOk, type Spawn } from '../io/spawn.ts';

/** What leads to pods of other nodes. */
export interface Overlay {
  again(): void;
  /** Whether all its routes are in /proc/net/route. */
  stands(routes: string): boolean;
  stop(): void;
}

export interface RepairOptions {
  kernel: { onChange(fn: () => void): () => void };
  /** The address of the cluster DNS, on `lo`. */
  address: Ipv4 | undefined;
  sysctls: readonly [string, string][];
  setSysctl(name: string, value: string): Promise<void>;
  overlay(): Overlay | undefined;
  disk: Disk;
  host: Host;
  spawn: Spawn;
  log: Log;
}

/**
 * Puts back what others take away of this node's network: forwarding, the address of the DNS, the
 * ways to other nodes.
 */
export function startRepair(options: RepairOptions): { stop(): void } {
  const { kernel, log } = options;
  let queue = Promise.resolve();
  const stop = kernel.onChange(() => {
    queue = queue
      .then(() => look(options))
      .catch((error: unknown) =>
        log.warn('the network of this node could not be put right', { error: messageOf(error) }),
      );
  });
  return { stop };
}

async function look({
  sysctls,
  setSysctl,
  address,
  overlay,
  disk,
  host,
  spawn,
  log,
}: RepairOptions): Promise<void> {
  for (const [name, value] of sysctls) {
    const now = (await disk.read('repair.sysctl', `/proc/sys/${name}`)).toString().trim();
    if (now === value) continue;
    log.warn('another program changed a setting of the kernel that pods need, it is put back', {
      name,
      from: now,
      to: value,
    });
    await setSysctl(name, value);
  }
  if (
    address !== undefined &&
    !host.addresses().some((one) => one.loopback && one.address === address)
  ) {
    log.warn('another program took away the address of the cluster DNS, it is put back', {
      address,
    });
    await runOk(spawn, 'repair.address', ['ip', 'addr', 'replace', `${address}/32`, 'dev', 'lo']);
  }
  const ways = overlay();
  if (!ways || ways.stands((await disk.read('repair.routes', '/proc/net/route')).toString()))
    return;
  log.warn('another program took away ways to other nodes, they are put back');
  ways.again();
}
