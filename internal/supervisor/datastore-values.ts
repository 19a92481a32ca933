import type { EncryptedStore } from '../store/encrypted-store.ts';
import { secretPrefixes, type KeyState } from '../store/key-ring.ts';
import type { LogStore } from '../store/log-store.ts';
import { prefixEnd } from '../store/store.ts';
import type { EncryptedValues } from './secrets-encryption.ts';

/** The values of a store that others keep: encrypted on their way there. */
export const sealedValues = (store: EncryptedStore): EncryptedValues => ({
  encrypt: (encryption, progress) => store.encrypt(encryption, progress),
  keyCensus: () => store.keyCensus(),
});

/** The values of a log of our own. */
export const logValues = (store: LogStore): EncryptedValues => ({
  encrypt: (encryption, progress) => store.encrypt(encryption, progress),
  keyCensus: (state) => logCensus(store, state),
});

/**
 * In a log all values are under the active key once a change is finished: that is what finishing
 * means. "skiff datastore check" looks.
 */
async function logCensus(
  store: LogStore,
  state: KeyState | undefined,
): Promise<{ plain: number; keys: [number, number][] } | undefined> {
  if (state?.unfinished !== undefined) return undefined;
  let values = 0;
  for (const prefix of state?.prefixes ?? secretPrefixes)
    values += (await store.range({ key: prefix, end: prefixEnd(prefix), countOnly: true })).count;
  const active = state?.enabled ? state.keys[0] : undefined;
  return active === undefined
    ? { plain: values, keys: [] }
    : { plain: 0, keys: [[active.id, values]] };
}
