import type { Host } from './host.ts';

/** The fake of `Host`: a small machine of its own, but for what a test says of it. */
export function fakeHost(said: Partial<Host> = {}): Host {
  return {
    hostname: () => 'machine',
    addresses: () => [],
    cpus: () => 2,
    memoryBytes: () => 2 * 1024 ** 3,
    usableMemoryBytes: () => 2 * 1024 ** 3,
    kernel: () => '6.12.0',
    arch: () => 'amd64',
    isRoot: () => true,
    ...said,
  };
}
