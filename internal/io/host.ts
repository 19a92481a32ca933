import * as os from 'node:os';
import { memoryLimitBytes } from './memory-limit.ts';

/** An address of one of this machine's interfaces. */
export interface HostAddress {
  device: string;
  address: string;
  family: 4 | 6;
  loopback: boolean;
}

/** What the machine says about itself. */
export interface Host {
  hostname(): string;
  addresses(): HostAddress[];
  cpus(): number;
  memoryBytes(): number;
  /**
   * What this process and its children may use: less than the machine has when a control group says
   * so.
   */
  usableMemoryBytes(): number;
  kernel(): string;
  arch(): string;
  isRoot(): boolean;
}

export const realHost: Host = {
  hostname: () => os.hostname(),
  addresses: () =>
    Object.entries(os.networkInterfaces()).flatMap(([device, list]) =>
      (list ?? []).map((a) => ({
        device,
        address: a.address,
        family: a.family === 'IPv4' ? (4 as const) : (6 as const),
        loopback: a.internal,
      })),
    ),
  cpus: () => os.availableParallelism(),
  memoryBytes: () => os.totalmem(),
  usableMemoryBytes: () => memoryLimitBytes() ?? os.totalmem(),
  kernel: () => os.release(),
  arch: () => (process.arch === 'x64' ? 'amd64' : process.arch),
  isRoot: () => process.getuid?.() === 0,
};
