import { basename, join } from 'node:path';
import type { Disk } from '../io/disk.ts';

/** What a folder of manifests holds; paths are relative to it. */
export interface ManifestFiles {
  /** In the order in which they are applied. */
  files: string[];
  /** Files of components that the operator does not want. */
  disabled: string[];
  /** The folder and all folders below it, to be watched. */
  folders: string[];
}

const op = 'manifests';
/** A link that leads upwards must not lead round forever. */
const deepest = 8;
const manifest = /\.(ya?ml|json)$/;

/**
 * Finds manifests as k3s does: in sub-folders too, links at the top followed, hidden names and
 * `X.yaml` beside an `X.yaml.skip` passed over. `disable` names files without their endings, at any
 * depth, or folders.
 */
export async function findManifests(
  disk: Disk,
  dir: string,
  disable: readonly string[] = [],
): Promise<ManifestFiles> {
  const found: ManifestFiles = { files: [], disabled: [], folders: [dir] };
  const walk = async (below: string, depth: number): Promise<void> => {
    const names = (await disk.list(op, join(dir, below))).toSorted();
    for (const name of names) {
      if (name.startsWith('.') || names.includes(`${name}.skip`)) continue;
      const path = join(below, name);
      if (await isFolder(disk, join(dir, path), depth === 0)) {
        if (depth === deepest) continue;
        found.folders.push(join(dir, path));
        await walk(path, depth + 1);
      } else if (manifest.test(name))
        (isDisabled(path, disable) ? found.disabled : found.files).push(path);
    }
  };
  await walk('', 0);
  return found;
}

async function isFolder(disk: Disk, path: string, followLinks: boolean): Promise<boolean> {
  const stat = await disk.stat(op, path);
  if (stat?.kind !== 'link') return stat?.kind === 'dir';
  if (!followLinks) return false;
  try {
    return (await disk.stat(op, await disk.realPath(op, path)))?.kind === 'dir';
  } catch {
    return false; // it leads nowhere
  }
}

function isDisabled(path: string, disable: readonly string[]): boolean {
  const parts = path.split('/');
  if (parts.slice(0, -1).some((_, i) => disable.includes(parts.slice(0, i + 1).join('/'))))
    return true;
  return disable.includes(basename(path).replace(manifest, ''));
}
