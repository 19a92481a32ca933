import { join } from 'node:path';
import { openEtcdStore } from '../etcd/client/etcd-store.ts';
import { snapshotFiles } from '../etcd/datastore.ts';
import { serveEtcd } from '../etcd/server.ts';
import { loadKeyRing } from '../store/key-ring.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';

/** Opens the server's store: an etcd cluster when one is named, else the file below the data directory. */
export async function openDatastore(config: ServerConfig, doors: Doors): Promise<Store> {
  if (config.datastore) return await openCluster(config.datastore, doors);
  const dir = join(config.dataDir, 'server/db');
  const keys = join(config.dataDir, 'server/cred/encryption-keys.json');
  // Once secrets were encrypted, their keys are needed, whatever the flag says now.
  const encrypted = config.secretsEncryption === true || (await doors.disk.stat('encryption-keys', keys)) !== undefined;
  if (encrypted) await doors.disk.makeDir('encryption-keys', join(config.dataDir, 'server/cred'), 0o700);
  const encryption = encrypted ? await loadKeyRing({ ...doors, path: keys }) : undefined;
  const store = await openSqliteStore({ ...doors, dir, encryption });
  // Snapshots of a running server are taken through this socket; it gives no access to keys one by one.
  const upkeep = await serveEtcd(store, { listen: [{ path: join(dir, 'upkeep.sock') }], upkeepOnly: true, clock: doors.clock, log: doors.log.named('upkeep'), snapshots: snapshotFiles(store, doors.disk, dir) });
  const close = store.close.bind(store);
  store.close = async () => {
    await upkeep.close();
    await close();
  };
  return store;
}

async function openCluster(datastore: NonNullable<ServerConfig['datastore']>, { clock, log, disk }: Doors): Promise<Store> {
  const text = async (path: string | undefined): Promise<string | undefined> => (path === undefined ? undefined : (await disk.read('datastore.tls', path)).toString());
  const tls = { ca: await text(datastore.caFile), cert: await text(datastore.certFile), key: await text(datastore.keyFile) };
  return await openEtcdStore({ endpoints: datastore.endpoint.split(',').map((e) => e.trim()), tls, clock, log });
}
