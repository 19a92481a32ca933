import { join } from 'node:path';
import type { Encryption } from '../store/cipher.ts';
import { EncryptedStore } from '../store/encrypted-store.ts';
import { encryptionOf, fileKeeper, loadOrCreateKeys, parseKeys, secretPrefixes, type KeyKeeper } from '../store/key-ring.ts';
import type { Store } from '../store/store.ts';
import { publishFiles, readBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';

/** The name of the file among those that the servers of a cluster share. */
export const sharedKeyFile = 'cred/encryption-keys.json';

export const keyFile = (dataDir: string): string => join(dataDir, 'server', sharedKeyFile);

/** The keys of a datastore: where they are kept, and how the store takes over what another server changed. */
export interface DatastoreKeys {
  keeper: KeyKeeper;
  refresh(): Promise<void>;
}

interface KeyOptions {
  config: ServerConfig;
  doors: Doors;
}

/** The keys of a server that shares its store with nobody. */
export function ownKeeper({ config, doors: { disk } }: KeyOptions): KeyKeeper {
  const path = keyFile(config.dataDir);
  const file = fileKeeper({ disk, path });
  return {
    read: () => file.read(),
    async write(state) {
      await disk.makeDir('encryption-keys', join(path, '..'), 0o700);
      await file.write(state);
    },
  };
}

/** The encryption that the file's store is opened with. Once secrets were encrypted their keys are needed, whatever the flag says now. */
export async function ownEncryption(options: KeyOptions): Promise<Encryption | undefined> {
  const keeper = ownKeeper(options);
  const state = options.config.secretsEncryption ? await loadOrCreateKeys(keeper, options.doors.random) : await keeper.read();
  return state && encryptionOf(state);
}

export interface SealedStore {
  store: EncryptedStore;
  keys: DatastoreKeys;
  /** After this server has taken over what the cluster has in common: makes the first key if one is wanted, and uses the cluster's. */
  settle(): Promise<void>;
}

/**
 * Puts encryption in front of a store that is kept elsewhere; without keys everything passes through. A change of keys is
 * in the datastore, for the other servers, before this one uses it.
 */
export async function sealStore(inner: Store, options: KeyOptions & { password: string }): Promise<SealedStore> {
  const { config, doors, password } = options;
  const own = ownKeeper(options);
  const dir = join(config.dataDir, 'server');
  const keeper: KeyKeeper = {
    read: () => own.read(),
    async write(state) {
      await own.write(state);
      await publishFiles(inner, { password, dir, doors });
    },
  };
  const current = async (): Promise<Encryption> => {
    const state = await own.read();
    return state ? encryptionOf(state) : { prefixes: secretPrefixes, keys: [] };
  };
  const reload = async (): Promise<Encryption | undefined> => {
    const text = (await readBootstrap(inner, password))?.data.files[sharedKeyFile];
    return text === undefined ? undefined : encryptionOf(parseKeys(text, 'the bootstrap data of the cluster'));
  };
  const store = new EncryptedStore(inner, { encryption: await current(), reload });
  const refresh = async (): Promise<void> => store.use(await current());
  return {
    store,
    keys: { keeper, refresh },
    async settle() {
      if (config.secretsEncryption) await loadOrCreateKeys(keeper, doors.random);
      await refresh();
    },
  };
}
