import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import type { CredentialServices } from './operator-socket.ts';
import type { Renewal } from './renewal.ts';
import { rotateAuthorities } from './rotate-authorities.ts';
import type { JoinPasswords } from './token-change.ts';

/** What an operator may ask of a running server about its certificates and authorities. */
export function credentialServices(options: {
  config: ServerConfig;
  doors: Doors;
  datastore: Datastore;
  passwords: JoinPasswords;
  /** There is none before every part has started. */
  renewal(): Renewal | undefined;
}): CredentialServices {
  const { config, doors, datastore, passwords } = options;
  return {
    async renew() {
      const renewal = options.renewal();
      if (!renewal) throw new ConfigError('the server has not started yet', { op: 'certificates' });
      await removeLeaves(doors.disk, config.dataDir);
      await renewal.look();
    },
    rotateAuthorities: async (request) =>
      await rotateAuthorities({
        ...request,
        config,
        doors,
        store: datastore.store,
        shared: datastore.shared,
        password: passwords.server,
      }),
  };
}

/** The folders of certificates. */
export const certificateFolders = (dataDir: string): string[] => [
  join(dataDir, 'server/tls'),
  join(dataDir, 'server/tls/etcd'),
  join(dataDir, 'agent'),
];

/** Leaves go, authorities and the signing key stay: tokens and other nodes' trust do not change. */
export async function removeLeaves(disk: Disk, dataDir: string): Promise<void> {
  for (const dir of certificateFolders(dataDir))
    for (const file of await disk.list('certificates', dir)) {
      if (!/\.(crt|key)$/.test(file) || /-ca\.(crt|key)$/.test(file) || file === 'service.key')
        continue;
      await disk.remove('certificates', join(dir, file));
    }
}
