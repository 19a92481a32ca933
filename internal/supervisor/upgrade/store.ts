import type { ServerConfig } from '../config.ts';
import { isShared, openFile } from '../datastore.ts';
import type { Doors } from '../doors.ts';
import { restoreFile } from '../reset.ts';

/** How the file below the data directory is tried, and brought back; of other engines nothing. */
export function storeOfUpgrade(
  config: ServerConfig,
  doors: Doors,
): { storeOpens(): Promise<void>; restore(snapshot: string): Promise<void> } {
  return {
    storeOpens: async () => {
      if (await isShared(config, doors)) return;
      await (await openFile({ config, doors })).close();
    },
    restore: async (snapshot) => void (await restoreFile(config, doors, snapshot)),
  };
}
