import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** What is kept of a volume. */
export interface Kept {
  id: string;
  name: string;
  bytes: number;
  block: boolean;
  /** The nodes that it is attached to. */
  nodes: string[];
}

/** Volumes in a folder: a folder of files for each, or a file behind a loop device. */
export class KeptVolumes {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  list(): Kept[] {
    return readdirSync(this.#dir)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map((file) => JSON.parse(readFileSync(join(this.#dir, file), 'utf8')) as Kept);
  }

  get(id: string): Kept | undefined {
    return this.list().find((one) => one.id === id);
  }

  save(volume: Kept): void {
    const data = this.data(volume);
    if (!volume.block) mkdirSync(data, { recursive: true });
    else if (!existsSync(data)) writeFileSync(data, '');
    if (volume.block) truncateSync(data, volume.bytes);
    // In one step: the machine of the driver may lose its power at any time.
    const file = join(this.#dir, `${volume.id}.json`);
    writeFileSync(`${file}.new`, JSON.stringify(volume));
    renameSync(`${file}.new`, file);
  }

  remove({ id }: Kept): void {
    rmSync(join(this.#dir, `${id}.json`), { force: true });
    rmSync(join(this.#dir, id), { recursive: true, force: true });
  }

  data({ id }: Pick<Kept, 'id'>): string {
    return join(this.#dir, id);
  }

  /** The loop device of a volume that is one. */
  device(volume: Kept): string | undefined {
    const found = run('losetup', '-j', this.data(volume)).split(':')[0];
    return found || undefined;
  }

  attach(volume: Kept): string {
    return this.device(volume) ?? run('losetup', '-f', '--show', this.data(volume)).trim();
  }

  detach(volume: Kept): void {
    const device = this.device(volume);
    if (device) run('losetup', '-d', device);
  }
}

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((l) => l.split(' ')[1] === path);
}

export function unmount(path: string): void {
  if (isMounted(path)) run('umount', path);
}

export function usageOf(path: string): { total: number; available: number; inodes: number } {
  const { blocks, bsize, bavail, files } = statfsSync(path);
  return { total: blocks * bsize, available: bavail * bsize, inodes: files };
}
