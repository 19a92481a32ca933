import { dirname } from 'node:path';
import type { Random } from '../../io/random.ts';
import type { DiskCall } from './disk-trace.ts';

/** The unit that drives promise to write whole, or to leave as it was. */
const sectorBytes = 512;

/**
 * How names come to the disk. `journaled`: in order, and all of them with any sync, as ext4 and XFS
 * do it. `loose`: each by itself and in any order, until their folder is synced, as POSIX allows
 * and FAT on memory cards may do.
 */
export type DiskKind = 'journaled' | 'loose';

/** Path below the root -> content; folders end with a slash and are empty. */
export type Files = Map<string, Buffer>;

type Change = { at: number; data: Buffer } | { size: number };
type NameChange =
  | { call: 'create' | 'mkdir'; path: string; node: Node | undefined }
  | { call: 'unlink'; path: string }
  | { call: 'rename' | 'link'; path: string; to: string };
type Names = Map<string, Node | undefined>;

/** A file: what a power cut cannot take away, and what was changed since. */
class Node {
  durable: Buffer;
  pending: Change[] = [];
  /**
   * Sectors that a failed sync left undecided: the file shows what was written, the disk may hold
   * this instead, and later syncs do not care (Linux takes pages whose writing failed for written).
   */
  readonly undecided = new Map<number, Buffer>();

  constructor(durable: Buffer) {
    this.durable = durable;
  }

  live(): Buffer {
    return this.pending.reduce(changed, Buffer.from(this.durable));
  }

  sync(failed: boolean): void {
    const before = this.durable;
    const touched = sectorsOf(this.pending, before.length);
    this.durable = this.live();
    this.pending = [];
    for (const [sector] of touched) {
      if (!failed) this.undecided.delete(sector);
      else if (!this.undecided.has(sector)) this.undecided.set(sector, sectorOf(before, sector));
    }
  }

  /** The file as a power cut may leave it. */
  crash(random: Random): Buffer {
    const styles = ['nothing', 'everything', 'in order', 'scattered', 'scattered'] as const;
    const style = styles[random.int(styles.length)];
    const kept =
      style === 'nothing'
        ? 0
        : style === 'everything' || style === 'scattered'
          ? this.pending.length
          : random.int(this.pending.length + 1);
    let out = this.pending.slice(0, kept).reduce(changed, Buffer.from(this.durable));
    if (style === 'in order' && kept < this.pending.length && random.int(2) === 0)
      out = this.#scatter(out, this.pending.slice(kept, kept + 1), random);
    if (style === 'scattered') out = this.#scatterAll(random);
    const lost = random.int(3);
    for (const [sector, old] of this.undecided)
      if (lost === 0 || (lost === 1 && random.int(2) === 0))
        old.copy(
          out,
          sector * sectorBytes,
          0,
          Math.max(0, Math.min(old.length, out.length - sector * sectorBytes)),
        );
    return out;
  }

  /**
   * Cutting a file short happens or does not; what was written before and after it comes to the
   * disk in any order.
   */
  #scatterAll(random: Random): Buffer {
    const cuts = this.pending.flatMap((change, i) => ('size' in change ? [i] : []));
    const happened = random.int(cuts.length + 1);
    let out: Buffer = Buffer.from(this.durable);
    let from = 0;
    for (const cut of cuts.slice(0, happened)) {
      out = changed(
        this.#scatter(out, this.pending.slice(from, cut), random),
        this.pending[cut] as Change,
      );
      from = cut + 1;
    }
    return this.#scatter(Buffer.from(out), this.pending.slice(from, cuts[happened]), random);
  }

  /**
   * Each sector at one of the versions that it had, a few of them torn or spoiled; the size at one
   * that it had.
   */
  #scatter(base: Buffer, changes: Change[], random: Random): Buffer {
    const sizes = [base.length];
    for (const change of changes)
      sizes.push(
        'size' in change
          ? change.size
          : Math.max(sizes.at(-1) as number, change.at + change.data.length),
      );
    const longest = Math.max(...sizes);
    const out = Buffer.concat([base, Buffer.alloc(longest - base.length)]);
    const tear = random.int(3) === 0;
    for (const [sector, touching] of sectorsOf(changes, base.length)) {
      let old = sectorOf(out, sector);
      let fresh = old;
      for (let i = random.int(touching.length + 1); i > 0; i--) {
        old = fresh;
        fresh = sectorAfter(
          fresh,
          sector,
          changes[touching[touching.length - i] as number] as Change,
        );
      }
      if (tear && random.int(6) === 0) fresh = spoiled(old, fresh, random);
      fresh.copy(out, sector * sectorBytes);
    }
    return out.subarray(0, sizes[random.int(sizes.length)] as number);
  }
}

/**
 * The files below a folder as a trace changed them, and what a power cut may leave of them: what
 * was synced, and any part of what was not.
 */
export class CrashDisk {
  readonly #root: string;
  readonly #kind: DiskKind;
  #names: Names;
  readonly #durable: Names;
  readonly #open = new Map<number, { path: string; node: Node | undefined }>();
  #changes: NameChange[] = [];

  /** `start`: what was there, and durable, before the first call. */
  constructor(root: string, kind: DiskKind, start: Files) {
    this.#root = root;
    this.#kind = kind;
    this.#durable = new Map(
      [...start].map(([path, bytes]) => [
        path,
        path.endsWith('/') ? undefined : new Node(Buffer.from(bytes)),
      ]),
    );
    this.#names = new Map(this.#durable);
  }

  apply(call: DiskCall): void {
    switch (call.call) {
      case 'open':
        return this.#opened(call);
      case 'write':
        this.#nodeOf(call.id)?.pending.push({ at: call.at, data: call.data });
        return;
      case 'truncate':
        this.#nodeOf(call.id)?.pending.push({ size: call.size });
        return;
      case 'sync':
        return this.#synced(call.id, call.failed);
      case 'note':
        return;
      case 'mkdir':
        return this.#rename({ call: 'mkdir', path: `${this.#below(call.path)}/`, node: undefined });
      case 'unlink':
        return this.#rename({ call: 'unlink', path: this.#below(call.path) });
      default:
        return this.#rename({
          call: call.call,
          path: this.#below(call.path),
          to: this.#below(call.to),
        });
    }
  }

  /** What a program would read now. */
  live(): Files {
    return new Map([...this.#names].map(([path, node]) => [path, node?.live() ?? Buffer.alloc(0)]));
  }

  crash(random: Random): Files {
    const names: Names = new Map(this.#durable);
    const kept = random.int(this.#changes.length + 1);
    for (const [i, change] of this.#changes.entries())
      if (this.#kind === 'journaled' ? i < kept : random.int(3) > 0) applyName(names, change);
    const files: Files = new Map();
    // Two names of one file show the same bytes.
    const bytes = new Map<Node, Buffer>();
    for (const [path, node] of names) {
      if (!hasFolders(names, path)) continue;
      if (node !== undefined && !bytes.has(node)) bytes.set(node, node.crash(random));
      files.set(path, node === undefined ? Buffer.alloc(0) : (bytes.get(node) as Buffer));
    }
    return files;
  }

  #opened({ id, path: absolute, truncated, dir }: DiskCall & { call: 'open' }): void {
    const path = this.#below(absolute);
    if (dir) {
      this.#open.set(id, { path: path === '' ? '' : `${path}/`, node: undefined });
      return;
    }
    let node = this.#names.get(path);
    if (node === undefined) {
      node = new Node(Buffer.alloc(0));
      this.#rename({ call: 'create', path, node });
    }
    if (truncated) node.pending.push({ size: 0 });
    this.#open.set(id, { path, node });
  }

  #synced(id: number, failed: boolean): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.node?.sync(failed);
    if (failed) return;
    const reached = (change: NameChange): boolean =>
      this.#kind === 'journaled' ||
      (open.node === undefined && folderOf(change.path) === open.path);
    for (const change of this.#changes) if (reached(change)) applyName(this.#durable, change);
    this.#changes = this.#changes.filter((change) => !reached(change));
  }

  #rename(change: NameChange): void {
    this.#changes.push(change);
    applyName(this.#names, change);
  }

  #nodeOf(id: number): Node | undefined {
    return this.#open.get(id)?.node;
  }

  #below(path: string): string {
    return path === this.#root ? '' : path.slice(this.#root.length + 1);
  }
}

function applyName(names: Names, change: NameChange): void {
  if (change.call === 'create' || change.call === 'mkdir') {
    if (!names.has(change.path)) names.set(change.path, change.node);
    return;
  }
  const node = names.get(change.path);
  if (change.call !== 'link') names.delete(change.path);
  if ((change.call === 'rename' || change.call === 'link') && node !== undefined)
    names.set(change.to, node);
}

function folderOf(path: string): string {
  const folder = dirname(path.endsWith('/') ? path.slice(0, -1) : path);
  return folder === '.' ? '' : `${folder}/`;
}

function hasFolders(names: Names, path: string): boolean {
  const folder = folderOf(path);
  return folder === '' || (names.has(folder) && hasFolders(names, folder));
}

function changed(bytes: Buffer, change: Change): Buffer {
  if ('size' in change)
    return change.size <= bytes.length
      ? bytes.subarray(0, change.size)
      : Buffer.concat([bytes, Buffer.alloc(change.size - bytes.length)]);
  const end = change.at + change.data.length;
  const out =
    end <= bytes.length ? bytes : Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
  change.data.copy(out, change.at);
  return out;
}

/** Sector -> the changes that touch it, in order. */
function sectorsOf(changes: Change[], length: number): Map<number, number[]> {
  const sectors = new Map<number, number[]>();
  let size = length;
  const touch = (from: number, to: number, index: number): void => {
    for (let sector = Math.floor(from / sectorBytes); sector * sectorBytes < to; sector++) {
      const touching = sectors.get(sector);
      if (touching === undefined) sectors.set(sector, [index]);
      else touching.push(index);
    }
  };
  for (const [index, change] of changes.entries()) {
    if ('size' in change) {
      touch(change.size, size, index);
      size = change.size;
    } else {
      touch(change.at, change.at + change.data.length, index);
      size = Math.max(size, change.at + change.data.length);
    }
  }
  return sectors;
}

function sectorOf(bytes: Buffer, sector: number): Buffer {
  const out = Buffer.alloc(sectorBytes);
  bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes).copy(out);
  return out;
}

function sectorAfter(before: Buffer, sector: number, change: Change): Buffer {
  const out = Buffer.from(before);
  const start = sector * sectorBytes;
  if ('size' in change) out.fill(0, Math.max(0, change.size - start));
  else
    change.data
      .subarray(Math.max(0, start - change.at), Math.max(0, start + sectorBytes - change.at))
      .copy(out, Math.max(0, change.at - start));
  return out;
}

/**
 * Damages bytes that were being written. Those beside them in the same sector stay: SQLite relies
 * on that ("powersafe overwrite"), as drives of the last fifteen years promise.
 */
function spoiled(old: Buffer, fresh: Buffer, random: Random): Buffer {
  const written: number[] = [];
  for (let i = 0; i < sectorBytes; i++) if (old[i] !== fresh[i]) written.push(i);
  const out = Buffer.from(fresh);
  if (written.length === 0) return out;
  const from = random.int(written.length);
  const style = random.int(3);
  if (style === 0)
    out[written[from] as number] = (out[written[from] as number] as number) ^ (1 << random.int(8));
  else
    for (const at of written.slice(from))
      out[at] = style === 1 ? (old[at] as number) : random.int(256);
  return out;
}
