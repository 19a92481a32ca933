import { IoError } from '../base/errors.ts';
import type { Mounts } from './mounts.ts';

/** One entry of a mount table. */
export interface FakeMount {
  /** A kind of file system, or `bind`. */
  kind: string;
  from: string;
  path: string;
  options: string[];
}

/** A mount table in memory, the twin of `makeMounts`. What is mounted shows no files. */
export class FakeMounts implements Mounts {
  /** The oldest first. */
  readonly table: FakeMount[] = [];
  /** Paths that cannot be unmounted. */
  readonly stuck = new Set<string>();

  async create(_op: string, kind: string, path: string, options: string[]): Promise<void> {
    this.table.push({ kind, from: kind, path, options });
  }

  async attach(
    _op: string,
    { kind, from }: { kind: string; from: string },
    path: string,
    options: string[],
  ): Promise<void> {
    this.table.push({ kind, from, path, options });
  }

  /** What is on devices; a blank one is not here. */
  readonly devices = new Map<string, string>();

  async prepare(_op: string, device: string, kind: string): Promise<string> {
    if (!this.devices.has(device)) this.devices.set(device, kind);
    return this.devices.get(device)!;
  }

  /** Paths whose file systems were made larger. */
  readonly grown: string[] = [];

  async grow(_op: string, _source: object, path: string): Promise<void> {
    this.grown.push(path);
  }

  async bind(_op: string, from: string, path: string): Promise<void> {
    this.table.push({ kind: 'bind', from, path, options: [] });
  }

  async unmount(op: string, path: string): Promise<void> {
    const at = this.table.findLastIndex((mount) => mount.path === path);
    if (at < 0 || this.stuck.has(path))
      throw new IoError(`${op}: umount ${path}: not mounted, or busy`, { op, code: 'UMOUNT' });
    this.table.splice(at, 1);
  }

  async below(_op: string, path: string): Promise<string[]> {
    return this.table
      .map((mount) => mount.path)
      .filter((point) => point === path || point.startsWith(`${path}/`))
      .reverse();
  }
}
