import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { loadOrCreateAuthorities, type ServerIdentities } from '../pki/authorities.ts';
import { fileName as stateFile } from '../store/sqlite/schema.ts';
import { keepAuthorities, restoreLost } from './authorities-copy.ts';
import type { ServerConfig } from './config.ts';
import { serverIdentities, serverNames } from './credentials.ts';
import { openFile, type Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import type { NodeFacts } from './node-facts.ts';
import type { JoinPasswords } from './token-change.ts';

export interface OwnIdentities {
  /** Reads them; issues what is missing, due or lacks a name. */
  load(): Promise<ServerIdentities>;
  /** Whether the authorities on the disk are others than these. */
  changed(than: ServerIdentities): Promise<boolean>;
  /**
   * Keeps a copy of the authorities in the datastore, where no other server does. A failure is only
   * said.
   */
  keepCopy(datastore: Datastore): Promise<void>;
}

interface IdentityOptions {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  passwords: JoinPasswords;
  shared: boolean;
}

/**
 * How this server's identities are read. The authorities come before the state that rests on them:
 * state without them has lost them, and they come back from the copy that it keeps.
 */
export async function identitiesOf({
  config,
  doors,
  facts,
  passwords,
  shared,
}: IdentityOptions): Promise<OwnIdentities> {
  const dir = join(config.dataDir, 'server/tls');
  const begun =
    config.datastore === undefined &&
    (await doors.disk.stat('data', join(config.dataDir, 'server/db', stateFile))) !== undefined;
  const authorities = { ...doors, dir, mustExist: begun, alone: !shared };
  if (!shared || begun) {
    try {
      await loadOrCreateAuthorities(authorities);
    } catch (error) {
      if (!begun || !(error instanceof ConfigError)) throw error;
      const store = await openFile({ config, doors });
      try {
        await restoreLost(store, { config, doors, password: passwords.server }, error);
      } finally {
        await store.close();
      }
      await loadOrCreateAuthorities(authorities);
    }
  }
  const names = (): string[] => serverNames(config, facts);
  return {
    load: () =>
      serverIdentities(config, doors, { names: names(), mustExist: true, alone: !shared }),
    async changed(than) {
      const now = await loadOrCreateAuthorities({ ...authorities, mustExist: true });
      return (['serverCa', 'clientCa', 'requestHeaderCa'] as const).some(
        (one) => now[one].key !== than[one].key,
      );
    },
    async keepCopy(datastore) {
      if (datastore.shared) return;
      try {
        await keepAuthorities(datastore.store, { config, doors, password: passwords.server });
      } catch (error) {
        doors.log.warn('the copy of the authorities could not be written to the datastore', {
          error: messageOf(error),
        });
      }
    },
  };
}
