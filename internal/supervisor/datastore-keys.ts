import { join } from 'node:path';
import type { Encryption } from '../store/cipher.ts';
import { EncryptedStore } from '../store/encrypted-store.ts';
import {
  encryptionOf,
  fileKeeper,
  formatKeys,
  loadOrCreateKeys,
  parseKeys,
  secretPrefixes,
  type KeyKeeper,
  type KeyState,
} from '../store/key-ring.ts';
import type { Store } from '../store/store.ts';
import { changeFile, readBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { JoinPasswords } from './token-change.ts';

/** The name of the file among those that the servers of a cluster share. */
export const sharedKeyFile = 'cred/encryption-keys.json';

export const keyFile = (dataDir: string): string => join(dataDir, 'server', sharedKeyFile);

/**
 * The keys of a datastore: where they are kept, and how the store takes over what another server
 * changed.
 */
export interface DatastoreKeys {
  keeper: KeyKeeper;
  refresh(): Promise<void>;
}

interface KeyOptions {
  config: ServerConfig;
  doors: Doors;
}

/** The keys of a server that does not share its store. */
export function ownKeeper({ config, doors: { disk } }: KeyOptions): KeyKeeper {
  return fileKeeper({ disk, path: keyFile(config.dataDir) });
}

/**
 * The encryption that the file's store is opened with. Once secrets were encrypted their keys are
 * needed, whatever the flag says now.
 */
export async function ownEncryption(options: KeyOptions): Promise<Encryption | undefined> {
  const keeper = ownKeeper(options);
  const state = options.config.secretsEncryption
    ? await loadOrCreateKeys(keeper, options.doors.random)
    : await keeper.read();
  return state && encryptionOf(state);
}

export interface SealedStore {
  store: EncryptedStore;
  keys: DatastoreKeys;
  /**
   * After this server has taken over what the cluster has in common: makes the first key if one is
   * wanted, and uses the cluster's.
   */
  settle(): Promise<void>;
}

/**
 * Puts encryption in front of a store that is kept elsewhere; without keys everything passes
 * through.
 */
export async function sealStore(
  inner: Store,
  options: KeyOptions & { passwords: JoinPasswords },
): Promise<SealedStore> {
  const own = ownKeeper(options);
  const keeper = sharedKeeper(inner, options, own);
  const store = new EncryptedStore(inner, {
    clock: options.doors.clock,
    encryption: encryptionFrom(await own.read()),
    reload: async () => encryptionFrom(await keeper.read()),
  });
  const refresh = async (): Promise<void> => store.use(encryptionFrom(await keeper.read()));
  return {
    store,
    keys: { keeper, refresh },
    async settle() {
      if (options.config.secretsEncryption) await loadOrCreateKeys(keeper, options.doors.random);
      await refresh();
    },
  };
}

const encryptionFrom = (state: KeyState | undefined): Encryption =>
  state ? encryptionOf(state) : { prefixes: secretPrefixes, keys: [] };

/**
 * The keys among what all servers of the cluster hold in common. They are in the datastore before
 * any server uses them.
 */
function sharedKeeper(
  inner: Store,
  { doors, passwords }: KeyOptions & { passwords: JoinPasswords },
  own: KeyKeeper,
): KeyKeeper {
  const parsed = (text: string | undefined): KeyState | undefined =>
    text === undefined ? undefined : parseKeys(text, 'the bootstrap data of the cluster');
  return {
    async read() {
      const found = await readBootstrap(inner, passwords.server);
      return found ? parsed(found.data.files[sharedKeyFile]) : await own.read();
    },
    async update(change) {
      const made: KeyState[] = [];
      await changeFile(inner, {
        password: passwords.server,
        file: sharedKeyFile,
        random: doors.random,
        change(text) {
          const before = parsed(text);
          const after = change(before);
          made.push(after);
          return after === before ? text : formatKeys(after);
        },
      });
      // The last one is what the datastore took.
      const after = made.at(-1) as KeyState;
      await own.update(() => after);
      return after;
    },
  };
}
