import type { Held, Tree } from '../../io/tree.ts';

/**
 * Finds `subPath` inside `root` and holds it, making what is missing. No link in it can lead
 * outside, and nobody can swap a link in between: each step starts from a held place. The caller
 * releases what it gets. With `make: false` a place that is not there is an error.
 */
export async function holdSubPath(
  tree: Tree,
  root: string,
  subPath: string,
  options: { make: boolean } = { make: true },
): Promise<Held> {
  const op = 'volume.sub-path';
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/'))
    throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (parts.includes('..'))
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  const realRoot = await tree.realPath(op, root);
  const whole = await tree.hold(op, `${root}/${parts.join('/')}`, { follow: true });
  if (whole) return inside(whole, realRoot);
  if (!options.make) throw new Error(`${subPath} does not exist`);
  const mode = (await tree.statTarget(op, root))?.mode ?? 0o750;
  let at = await holdExisting(tree, root, realRoot);
  for (const part of parts) {
    try {
      const name = `${at.path}/${part}`;
      const found = await tree.hold(op, name, { follow: true });
      if (!found) await tree.makeDir(op, name, mode);
      const next = found ?? (await tree.hold(op, name, { follow: false }));
      if (!next) throw new Error('a folder vanished while it was being made');
      await inside(next, realRoot);
      await at.release();
      at = next;
    } catch (error) {
      await at.release();
      throw error;
    }
  }
  return at;
}

async function holdExisting(tree: Tree, path: string, realRoot: string): Promise<Held> {
  const held = await tree.hold('volume.sub-path', path, { follow: true });
  if (!held) throw new Error('the volume is not there');
  return inside(held, realRoot);
}

async function inside(held: Held, realRoot: string): Promise<Held> {
  const real = await held.real();
  if (real === realRoot || real.startsWith(`${realRoot}/`)) return held;
  await held.release();
  throw new Error('subpath leads outside the volume');
}
