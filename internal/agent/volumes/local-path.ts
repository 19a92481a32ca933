import { IoError, messageOf } from '../../base/errors.ts';
import type { Held } from '../../io/tree.ts';
import type { VolumeDoors } from './plugin.ts';

const op = 'volume.local-path';
/** k3s' modes: only root reaches the folder of all volumes, anybody may write in one of them. */
const rootMode = 0o700;
const volumeMode = 0o777;

export interface LocalPlace {
  /** An absolute path, chosen by the cluster's administrator. */
  root: string;
  /** One or more names below it. */
  path: string;
}

/** The place is not one that a volume may have, or it cannot be touched now. */
export class LocalPathRefused extends Error {
  readonly status: 409 | 422 | 507;

  constructor(status: 409 | 422 | 507, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Folders of the local-path provisioner on this node, made and removed when the server asks. A
 * folder's content is a pod's: neither a link in it nor one in its place leads anywhere else.
 */
export class LocalPaths {
  readonly #doors: VolumeDoors;
  readonly #users: (path: string) => string[];

  /** `users`: the uids of pods whose volumes are set up there. */
  constructor(doors: VolumeDoors, users: (path: string) => string[]) {
    this.#doors = doors;
    this.#users = users;
  }

  /** Makes the folder; one that is there already is left as it is. */
  async make({ root, path }: LocalPlace): Promise<void> {
    const names = namesOf({ root, path });
    try {
      await this.#doors.disk.makeDir(op, root, rootMode);
      const folder = await this.#walk(root, names, async (at, name, last) => {
        await this.#doors.tree.makeDir(op, `${at.path}/${name}`, last ? volumeMode : rootMode);
      });
      if (!folder) throw new LocalPathRefused(409, `${root}/${path} was removed meanwhile`);
      await folder.release();
    } catch (error) {
      const code = error instanceof IoError ? error.code : '';
      if (['ENOSPC', 'EROFS', 'EDQUOT', 'EIO'].includes(code))
        throw new LocalPathRefused(507, messageOf(error));
      throw error;
    }
  }

  /** Removes the folder and all that is in it; nothing there is no error. */
  async remove({ root, path }: LocalPlace): Promise<void> {
    const names = namesOf({ root, path });
    const whole = `${root}/${path}`;
    const users = this.#users(whole);
    if (users.length > 0)
      throw new LocalPathRefused(409, `${whole} is still used by pod ${users.join(', ')}`);
    const mounted = await this.#doors.mounts.below(op, whole);
    if (mounted.length > 0)
      throw new LocalPathRefused(409, `${mounted.join(', ')} is mounted in the volume`);
    const last = names.pop() ?? '';
    const parent = await this.#walk(root, names);
    if (!parent) return;
    try {
      await this.#doors.disk.remove(op, `${parent.path}/${last}`);
    } finally {
      await parent.release();
    }
  }

  /** The folder that the names lead to, from one held place to the next; links are refused. */
  async #walk(
    root: string,
    names: string[],
    before?: (at: Held, name: string, last: boolean) => Promise<void>,
  ): Promise<Held | undefined> {
    let at = await this.#doors.tree.hold(op, root, { follow: true });
    for (const [i, name] of names.entries()) {
      if (!at) return undefined;
      const above: Held = at;
      try {
        await before?.(above, name, i === names.length - 1);
        at = await above.child(Buffer.from(name));
      } finally {
        await above.release();
      }
      if (!at) return undefined;
      const { kind } = await at.stat();
      if (kind === 'dir') continue;
      await at.release();
      throw new LocalPathRefused(422, `${root}/${names.slice(0, i + 1).join('/')} is a ${kind}`);
    }
    return at;
  }
}

/** The server has checked them, too; a node does not depend on it. */
function namesOf({ root, path }: LocalPlace): string[] {
  const rootNames = root.slice(1).split('/');
  const names = path.split('/');
  const plain = (name: string): boolean =>
    name !== '' && name !== '.' && name !== '..' && !name.includes('\0');
  if (!root.startsWith('/') || ![...rootNames, ...names].every(plain))
    throw new LocalPathRefused(422, `${root}/${path} cannot hold a volume`);
  return names;
}
