import { refs } from '../api/generated/refs.ts';
import { registryPrefix } from '../api/registry-key.ts';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';
import type { Encryption, EncryptionKey } from './cipher.ts';
import { StoreError } from './errors.ts';

const keyBytes = 32;

/** What Kubernetes' own encryption at rest is mostly used for. */
export const secretPrefixes = [registryPrefix(refs.secrets)];

export type KeyChange = 'enable' | 'disable' | 'rotate';

/**
 * What is kept of the keys. The first key is the active one; the others were replaced and are there
 * for old snapshots.
 */
export interface KeyState {
  prefixes: string[];
  enabled: boolean;
  /**
   * A change of which not every value is known to have followed: it is carried on after a start.
   */
  unfinished: KeyChange | undefined;
  /** Grows with each change, so that an older state is never taken for a newer one. */
  generation: number;
  keys: EncryptionKey[];
}

/** Where the keys are kept. */
export interface KeyKeeper {
  read(): Promise<KeyState | undefined>;
  /**
   * Puts what `change` makes of the state in its place; whoever else changes it does so before or
   * after. Durable when it resolves.
   */
  update(change: (before: KeyState | undefined) => KeyState): Promise<KeyState>;
}

/** What follows a change of keys: a store of our own, or one in front of another's. */
export interface Reencrypts {
  /** Resolves when every value is encrypted with the first key, or none is where `plain` is set. */
  encrypt(encryption: Encryption, progress?: (done: number, total: number) => void): Promise<void>;
}

/**
 * Values of the covered prefixes, history included where the engine keeps it beside: how many are
 * plain, and how many are under which key.
 */
export interface KeyCensus {
  plain: number;
  keys: [id: number, values: number][];
}

interface KeyFile {
  prefixes: string[];
  enabled?: boolean;
  unfinished?: KeyChange;
  generation?: number;
  keys: { id: number; key: string }[];
}

/** The keys in a file that only root can read. */
export function fileKeeper({ disk, path }: { disk: Disk; path: string }): KeyKeeper {
  let queue: Promise<unknown> = Promise.resolve();
  const read = async (): Promise<KeyState | undefined> => {
    const bytes = await disk.readIfThere('encryption-keys', path);
    return bytes && parseKeys(bytes.toString(), path);
  };
  return {
    read,
    update(change) {
      const done = queue.then(async () => {
        const before = await read();
        const after = change(before);
        if (after === before) return after;
        await disk.makeDir('encryption-keys', dirname(path), 0o700);
        await disk.writeAtomic('encryption-keys', path, formatKeys(after), {
          mode: 0o600,
          durable: true,
        });
        return after;
      });
      queue = done.catch(() => undefined);
      return done;
    },
  };
}

/** What a store is opened with, and told on a change. */
export function encryptionOf({ prefixes, keys, enabled, generation }: KeyState): Encryption {
  return { prefixes, keys, generation, ...(enabled ? {} : { plain: true }) };
}

/** The ring with a first key, made and kept when there is none. */
export async function loadOrCreateKeys(keeper: KeyKeeper, random: Random): Promise<KeyState> {
  return (
    (await keeper.read()) ??
    (await keeper.update(
      (there) =>
        there ?? {
          prefixes: secretPrefixes,
          enabled: true,
          unfinished: 'enable',
          generation: 1,
          keys: [newKey(random)],
        },
    ))
  );
}

interface ChangeOptions {
  keeper: KeyKeeper;
  store: Reencrypts;
  progress?: (done: number, total: number) => void;
}

/**
 * Changes to a new key, or to encryption or none at all, while the store runs. What is to be done
 * is durable before it is begun, and old keys are never thrown away: a power cut leaves a store
 * that opens, and `finishChange` does the rest.
 */
export async function changeKeys(
  options: ChangeOptions & { random: Random; change: KeyChange },
): Promise<KeyState> {
  const { keeper, random, change } = options;
  await keeper.update((before) => {
    const keys = before?.keys ?? [];
    const fresh = change === 'rotate' || (change === 'enable' && keys.length === 0);
    const generation = (before?.generation ?? 0) + 1;
    return {
      prefixes: before?.prefixes ?? secretPrefixes,
      enabled: change !== 'disable',
      unfinished: change,
      generation,
      keys: fresh ? [newKey(random), ...keys] : keys,
    };
  });
  return await finishChange(options);
}

/** Carries a change that was begun to its end. */
export async function finishChange({ keeper, store, progress }: ChangeOptions): Promise<KeyState> {
  const state = await keeper.read();
  if (!state)
    throw new StoreError('INVALID_ARGUMENT', 'there are no keys', { op: 'encryption-keys' });
  await store.encrypt(encryptionOf(state), progress);
  // Another server may have begun another change meanwhile, and that one is not finished.
  return await keeper.update((now) =>
    now?.generation === state.generation && now.unfinished !== undefined
      ? { ...now, unfinished: undefined }
      : (now ?? state),
  );
}

/**
 * After a snapshot was put in the store's place: its values may be under older keys, or none, until
 * the next start encrypts them again.
 */
export async function reencryptAtStart(keeper: KeyKeeper): Promise<void> {
  const state = await keeper.read();
  if (state)
    await keeper.update((now = state) => ({
      ...now,
      unfinished: now.enabled ? 'rotate' : 'disable',
    }));
}

/** The keys of a file, for commands that read a store; made on first use. */
export async function loadKeyRing(options: {
  disk: Disk;
  random: Random;
  path: string;
}): Promise<Encryption> {
  return encryptionOf(await loadOrCreateKeys(fileKeeper(options), options.random));
}

/**
 * What operators see of a key: its number, and a digest that tells whether two servers have the
 * same.
 */
export function keyName(id: number): string {
  return `aesgcmkey-${id.toString(16).padStart(8, '0')}`;
}

export function keyHash({ key }: EncryptionKey): string {
  return createHash('sha256')
    .update('skiff encryption key\0')
    .update(key)
    .digest('hex')
    .slice(0, 16);
}

export function parseKeys(text: string, where: string): KeyState {
  try {
    const { prefixes, keys, enabled, unfinished, generation } = JSON.parse(text) as KeyFile;
    const parsed = keys.map(({ id, key }) => ({
      id,
      key: Uint8Array.from(Buffer.from(key, 'base64')),
    }));
    if (parsed.length === 0 || parsed.some((k) => k.key.length !== keyBytes))
      throw new Error('a key has a wrong length');
    return {
      prefixes,
      keys: parsed,
      enabled: enabled ?? true,
      unfinished,
      generation: generation ?? 0,
    };
  } catch (cause) {
    throw new StoreError('CORRUPT', `${where} holds no keys`, {
      op: 'encryption-keys',
      cause,
      hint: 'put the file back: without it encrypted values are lost',
    });
  }
}

export function formatKeys({ prefixes, keys, enabled, unfinished, generation }: KeyState): string {
  const file: KeyFile = {
    prefixes,
    enabled,
    generation,
    ...(unfinished ? { unfinished } : {}),
    keys: keys.map(({ id, key }) => ({ id, key: Buffer.from(key).toString('base64') })),
  };
  return JSON.stringify(file);
}

function newKey(random: Random): EncryptionKey {
  return { id: Buffer.from(random.bytes(4)).readUInt32LE(0), key: random.bytes(keyBytes) };
}
