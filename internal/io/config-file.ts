import { dirname } from 'node:path';
import { IoError } from '../base/errors.ts';
import type { Clock, Timer } from './clock.ts';
import type { Disk } from './disk.ts';

/** A file of the operator's that may change while the program runs. */
export interface ConfigFile {
  readonly path: string;
  read(): Promise<string>;
  /**
   * Calls `changed` some time after something changed in the file's folder. Returns how to stop.
   */
  watch(changed: () => void): () => void;
}

const maxBytes = 4 << 20;
/** Editors and mounts change a file in several steps. */
const settleMs = 300;

export function configFile(
  path: string,
  { disk, clock }: { disk: Disk; clock: Clock },
): ConfigFile {
  return {
    path,
    async read() {
      // A link is followed: that is how a mounted Secret changes.
      const stat = await disk.stat('config-file', await disk.realPath('config-file', path));
      if (stat?.kind !== 'file' || stat.size > maxBytes)
        throw new IoError(`${path}: no file, or one larger than ${maxBytes} bytes`, {
          op: 'config-file',
        });
      return (await disk.read('config-file', path)).toString();
    },
    watch(changed) {
      let timer: Timer | undefined;
      const unwatch = disk.watch('config-file', dirname(path), () => {
        timer?.cancel();
        timer = clock.after('config-file', settleMs, changed);
      });
      return () => {
        timer?.cancel();
        unwatch();
      };
    },
  };
}
