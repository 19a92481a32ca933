import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { IoError, messageOf } from '../base/errors.ts';

export type Below =
  | { kind: 'file'; size: number; stream(): Readable; close(): Promise<void> }
  | { kind: 'dir'; entries: { name: string; dir: boolean }[] };

/** A folder's listing is cut here. */
const mostEntries = 10_000;

/**
 * Opens a file or lists a folder below `root`; undefined when there is none. A link that leads out
 * of `root` counts as none: what is open is looked at, so that nobody who may write below `root`
 * can put something else in its place between the look and the read. Pipes, sockets and devices
 * count as none and are not opened.
 */
export async function openBelow(
  op: string,
  root: string,
  segments: readonly string[],
): Promise<Below | undefined> {
  const path = join(root, ...segments);
  try {
    const real = await fs.realpath(root);
    const looked = await fs.stat(path);
    if (!looked.isFile() && !looked.isDirectory()) return undefined;
    const handle = await fs.open(
      path,
      constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    let kept = false;
    try {
      const self = `/proc/self/fd/${handle.fd}`;
      const opened = await fs.readlink(self);
      if (opened !== real && !opened.startsWith(`${real}/`)) return undefined;
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        const all = (await fs.readdir(self, { withFileTypes: true })).slice(0, mostEntries);
        return {
          kind: 'dir',
          entries: all
            .map((one) => ({ name: one.name, dir: one.isDirectory() }))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
        };
      }
      if (!stat.isFile()) return undefined;
      kept = true;
      return {
        kind: 'file',
        size: stat.size,
        stream: () => handle.createReadStream({ start: 0, end: Math.max(0, stat.size - 1) }),
        close: () => handle.close(),
      };
    } finally {
      if (!kept) await handle.close();
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'IO';
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'].includes(code)) return undefined;
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, { op, code, cause });
  }
}
