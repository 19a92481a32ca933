import { IoError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import type { FileStat } from './held.ts';
import type { Held, ReadLimit } from './held.ts';
import type { Tree } from './tree.ts';

interface Place {
  kind: FileStat['kind'];
  ino: number;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  data: Buffer;
  target: string;
  entries: Map<string, Place>;
}

const heldRoot = '/proc/fake/fd/';
const mostLinks = 40;

/**
 * A file system in memory: the twin of `realDisk` and `realTree`, which see the same files. Modes
 * and owners are kept and never judged. A call fails by its operation's name (`fail`).
 */
export class FakeFiles {
  readonly disk: Disk;
  readonly tree: Tree;
  readonly #root: Place;
  readonly #failing = new Map<string, string>();
  readonly #watchers = new Set<{ path: string; changed: (name: string) => void }>();
  readonly #held = new Map<string, Place>();
  #count = 0;
  #now: () => number;

  /** `now`: milliseconds since 1970, for the times of files. */
  constructor(now: () => number = () => 0) {
    this.#now = now;
    this.#root = this.#make('dir', 0o755);
    this.disk = this.#disk();
    this.tree = this.#tree();
  }

  /** Every call of this operation fails with the code (`ENOSPC`); undefined = no more. */
  fail(op: string, code: string | undefined): void {
    if (code === undefined) this.#failing.delete(op);
    else this.#failing.set(op, code);
  }

  /** Puts something there that no door makes: a device, a socket, a FIFO. */
  place(path: string, kind: FileStat['kind']): void {
    const { folder, name } = this.#folderOf('test', path, true);
    folder.entries.set(name, this.#make(kind, 0o644));
  }

  #make(kind: FileStat['kind'], mode: number): Place {
    return {
      kind,
      ino: ++this.#count,
      mode,
      uid: 0,
      gid: 0,
      mtimeMs: this.#now(),
      data: Buffer.alloc(0),
      target: '',
      entries: new Map(),
    };
  }

  #fault(op: string, path: string, code: string): IoError {
    return new IoError(`${op}: ${path}: ${code}`, { op, code });
  }

  #check(op: string, path: string): void {
    const code = this.#failing.get(op);
    if (code !== undefined) throw this.#fault(op, path, code);
  }

  /** The place, and its path without links. Undefined = nothing there. */
  #find(
    path: string,
    { follow }: { follow: boolean },
    links = { left: mostLinks },
  ): { place: Place; real: string } | undefined {
    const held = path.startsWith(heldRoot) ? path.slice(heldRoot.length).split('/') : undefined;
    let place = held ? this.#held.get(held[0]!) : this.#root;
    let real = held ? `${heldRoot}${held[0]}` : '';
    const parts = (held ? held.slice(1) : path.split('/')).filter((p) => p !== '' && p !== '.');
    for (const [i, part] of parts.entries()) {
      if (place?.kind !== 'dir') return undefined;
      if (part === '..') {
        const up = real.slice(0, real.lastIndexOf('/'));
        const found = this.#find(up || '/', { follow: false }, links);
        if (!found) return undefined;
        place = found.place;
        real = up;
        continue;
      }
      const next: Place | undefined = place.entries.get(part);
      if (!next) return undefined;
      const last = i === parts.length - 1;
      if (next.kind !== 'link' || (last && !follow)) {
        place = next;
        real = `${real}/${part}`;
        continue;
      }
      if (links.left-- <= 0) return undefined;
      const target = next.target.startsWith('/') ? next.target : `${real}/${next.target}`;
      const found = this.#find(target, { follow: true }, links);
      if (!found) return undefined;
      place = found.place;
      real = found.real;
    }
    return place && { place, real: real || '/' };
  }

  #folderOf(op: string, path: string, make = false): { folder: Place; name: string } {
    const slash = path.lastIndexOf('/');
    const above = path.slice(0, slash) || '/';
    if (make) this.#makeDirs(op, above, 0o755);
    const found = this.#find(above, { follow: true });
    if (!found) throw this.#fault(op, path, 'ENOENT');
    if (found.place.kind !== 'dir') throw this.#fault(op, path, 'ENOTDIR');
    return { folder: found.place, name: path.slice(slash + 1) };
  }

  #makeDirs(op: string, path: string, mode: number): void {
    let at = '';
    for (const part of path.split('/').filter(Boolean)) {
      const above = this.#find(at || '/', { follow: true })!.place;
      at = `${at}/${part}`;
      const there = this.#find(at, { follow: true })?.place;
      if (there && there.kind !== 'dir')
        throw this.#fault(op, path, at === path ? 'EEXIST' : 'ENOTDIR');
      if (!there) {
        if (above.entries.has(part)) throw this.#fault(op, path, 'ENOENT');
        above.entries.set(part, this.#make('dir', mode));
      }
    }
  }

  /** The file to write to: a new one, or the one that is there. */
  #file(op: string, path: string, mode: number, { follow }: { follow: boolean }): Place {
    const there = this.#find(path, { follow })?.place;
    if (there?.kind === 'dir') throw this.#fault(op, path, 'EISDIR');
    if (there?.kind === 'link') throw this.#fault(op, path, 'ELOOP');
    if (there) return there;
    const { folder, name } = this.#folderOf(op, path);
    const made = this.#make('file', mode);
    folder.entries.set(name, made);
    return made;
  }

  #changed(path: string): void {
    const slash = path.lastIndexOf('/');
    for (const watcher of [...this.#watchers])
      if (watcher.path === path.slice(0, slash)) watcher.changed(path.slice(slash + 1));
  }

  #stat({ kind, ino, mode, uid, gid, mtimeMs, data, target }: Place): FileStat {
    const size = kind === 'link' ? target.length : data.length;
    return { kind, size, mtimeMs, mode, uid, gid, ino, dev: 1 };
  }

  /** Does it at once, so that nothing comes between; fails as the operation is told to. */
  async #do<T>(op: string, path: string, effect: () => T): Promise<T> {
    this.#check(op, path);
    return effect();
  }

  #read(op: string, path: string): Buffer | undefined {
    const place = this.#find(path, { follow: true })?.place;
    if (!place) return undefined;
    if (place.kind === 'dir') throw this.#fault(op, path, 'EISDIR');
    return Buffer.from(place.data);
  }

  #disk(): Disk {
    return {
      read: (op, path) =>
        this.#do(op, path, () => {
          const data = this.#read(op, path);
          if (!data) throw this.#fault(op, path, 'ENOENT');
          return data;
        }),
      readIfThere: (op, path) => this.#do(op, path, () => this.#read(op, path)),
      writeAtomic: (op, path, data, { mode = 0o600, uid, gid } = {}) =>
        this.#do(op, path, () => {
          const { folder, name } = this.#folderOf(op, path);
          if (folder.entries.get(name)?.kind === 'dir') throw this.#fault(op, path, 'EISDIR');
          const made = this.#make('file', mode);
          made.data = Buffer.from(data);
          if (uid !== undefined) Object.assign(made, { uid, gid: gid ?? uid });
          folder.entries.set(name, made);
          this.#changed(path);
        }),
      append: (op, path, data) =>
        this.#do(op, path, () => {
          const file = this.#file(op, path, 0o600, { follow: true });
          file.data = Buffer.concat([file.data, Buffer.from(data)]);
          file.mtimeMs = this.#now();
          this.#changed(path);
        }),
      makeDir: (op, path, mode = 0o700) => this.#do(op, path, () => this.#makeDirs(op, path, mode)),
      list: (op, path) =>
        this.#do(op, path, () => {
          const place = this.#find(path, { follow: true })?.place;
          return place?.kind === 'dir' ? [...place.entries.keys()] : [];
        }),
      remove: (op, path) =>
        this.#do(op, path, () => {
          if (!this.#find(path, { follow: false })) return;
          const { folder, name } = this.#folderOf(op, path);
          folder.entries.delete(name);
          this.#changed(path);
        }),
      stat: (op, path) =>
        this.#do(op, path, () => {
          const place = this.#find(path, { follow: false })?.place;
          return place && this.#stat(place);
        }),
      realPath: (op, path) => this.#do(op, path, () => this.#real(op, path)),
      watch: (_op, path, changed) => {
        const watcher = { path, changed };
        this.#watchers.add(watcher);
        return () => void this.#watchers.delete(watcher);
      },
    };
  }

  #real(op: string, path: string): string {
    const found = this.#find(path, { follow: true });
    if (!found) throw this.#fault(op, path, 'ENOENT');
    return found.real;
  }

  #tree(): Tree {
    return {
      writeFile: (op, path, data, mode) =>
        this.#do(op, path, () => {
          const file = this.#file(op, path, mode, { follow: false });
          Object.assign(file, { data: Buffer.from(data), mode, mtimeMs: this.#now() });
          this.#changed(path);
        }),
      makeFile: (op, path, mode) => this.#do(op, path, () => this.#new(op, path, 'file', mode)),
      makeDir: (op, path, mode) => this.#do(op, path, () => this.#new(op, path, 'dir', mode)),
      symlink: (op, target, path) =>
        this.#do(op, path, () => {
          if (!this.#new(op, path, 'link', 0o777)) throw this.#fault(op, path, 'EEXIST');
          this.#find(path, { follow: false })!.place.target = target;
        }),
      readLink: (op, path) =>
        this.#do(op, path, () => {
          const place = this.#find(path, { follow: false })?.place;
          return place?.kind === 'link' ? place.target : undefined;
        }),
      rename: (op, from, to) => this.#do(op, from, () => this.#rename(op, from, to)),
      removeDir: (op, path) =>
        this.#do(op, path, () => {
          const place = this.#find(path, { follow: false })?.place;
          if (!place) return true;
          if (place.kind !== 'dir') throw this.#fault(op, path, 'ENOTDIR');
          if (place.entries.size > 0) return false;
          const { folder, name } = this.#folderOf(op, path);
          return folder.entries.delete(name);
        }),
      put: (op, path, value) =>
        this.#do(op, path, () => {
          const place = this.#there(op, path, true);
          if (place.kind === 'dir') throw this.#fault(op, path, 'EISDIR');
          const written = Buffer.from(value);
          place.data = Buffer.concat([written, place.data.subarray(written.length)]);
          this.#changed(path);
        }),
      chmod: (op, path, mode) =>
        this.#do(op, path, () => void (this.#there(op, path, true).mode = mode)),
      chown: (op, path, uid, gid) =>
        this.#do(op, path, () => chown(this.#there(op, path, false), uid, gid)),
      statTarget: (op, path) =>
        this.#do(op, path, () => {
          const place = this.#find(path, { follow: true })?.place;
          return place && this.#stat(place);
        }),
      realPath: (op, path) => this.#do(op, path, () => this.#real(op, path)),
      hold: (op, path, { follow }) =>
        this.#do(op, path, () => {
          const found = this.#find(path, { follow });
          return found && this.#hold(op, found.place);
        }),
    };
  }

  #there(op: string, path: string, follow: boolean): Place {
    const found = this.#find(path, { follow });
    if (!found) throw this.#fault(op, path, 'ENOENT');
    return found.place;
  }

  #new(op: string, path: string, kind: FileStat['kind'], mode: number): boolean {
    const { folder, name } = this.#folderOf(op, path);
    if (folder.entries.has(name)) return false;
    folder.entries.set(name, this.#make(kind, mode));
    this.#changed(path);
    return true;
  }

  #rename(op: string, from: string, to: string): void {
    const moved = this.#there(op, from, false);
    const { folder, name } = this.#folderOf(op, to);
    const there = folder.entries.get(name);
    if (there === moved) return;
    if (there?.kind === 'dir' && moved.kind !== 'dir') throw this.#fault(op, from, 'EISDIR');
    if (there && there.kind !== 'dir' && moved.kind === 'dir')
      throw this.#fault(op, from, 'ENOTDIR');
    if (there && there.entries.size > 0) throw this.#fault(op, from, 'ENOTEMPTY');
    const old = this.#folderOf(op, from);
    old.folder.entries.delete(old.name);
    folder.entries.set(name, moved);
    this.#changed(from);
    this.#changed(to);
  }

  #hold(op: string, place: Place): Held {
    const key = String(++this.#count);
    this.#held.set(key, place);
    return {
      path: `${heldRoot}${key}`,
      real: async () => this.#pathOf(place, this.#root, '') ?? '(deleted)',
      stat: async () => this.#stat(place),
      chmod: async (mode) => void (place.mode = mode),
      chown: async (uid, gid) => chown(place, uid, gid),
      list: async () => [...place.entries.keys()].map((name) => Buffer.from(name)),
      child: async (name) => {
        const child = place.entries.get(name.toString());
        return child && this.#hold(op, child);
      },
      read: async (limit) => this.#readHeld(op, place, limit),
      release: async () => void this.#held.delete(key),
    };
  }

  #readHeld(op: string, { kind, data }: Place, { mostBytes, from }: ReadLimit): Buffer {
    if (kind !== 'file')
      throw new IoError(`${op}: not a regular file but a ${kind}`, { op, code: 'NOTFILE' });
    return from === 'end'
      ? data.subarray(Math.max(0, data.length - mostBytes))
      : data.subarray(0, mostBytes);
  }

  #pathOf(place: Place, below: Place, path: string): string | undefined {
    if (place === below) return path || '/';
    for (const [name, child] of below.entries) {
      const found = this.#pathOf(place, child, `${path}/${name}`);
      if (found) return found;
    }
    return undefined;
  }
}

function chown(place: Place, uid: number, gid: number): void {
  if (uid >= 0) place.uid = uid;
  if (gid >= 0) place.gid = gid;
}
