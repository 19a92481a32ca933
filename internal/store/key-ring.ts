import type { Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';
import type { Encryption, EncryptionKey } from './cipher.ts';
import { StoreError } from './errors.ts';
import type { LogStore } from './log-store.ts';

const keyBytes = 32;

/** What Kubernetes' own encryption at rest is mostly used for. */
const secretPrefixes = ['/registry/secrets/'];

interface KeyFile {
  prefixes: string[];
  keys: { id: number; key: string }[];
}

/** The keys of a store's encryption at rest, kept in a file that only root can read; made on first use. */
export async function loadKeyRing(options: { disk: Disk; random: Random; path: string }): Promise<Encryption> {
  const bytes = await options.disk.readIfThere('encryption-keys', options.path);
  if (bytes) return parse(bytes.toString(), options.path);
  const made = { prefixes: secretPrefixes, keys: [newKey(options.random)] };
  await save(options.disk, options.path, made);
  return made;
}

/**
 * Changes to a new key while the store runs. Each step is on disk before the next: a power cut leaves a store that opens
 * with the file as it is, and the next rotation finishes the work.
 */
export async function rotateKeys(options: { disk: Disk; random: Random; path: string; store: LogStore }): Promise<Encryption> {
  const { disk, random, path, store } = options;
  const before = await loadKeyRing(options);
  const both = { ...before, keys: [newKey(random), ...before.keys] };
  await save(disk, path, both);
  await store.encrypt(both);
  const after = { ...both, keys: both.keys.slice(0, 1) };
  await save(disk, path, after);
  return after;
}

function newKey(random: Random): EncryptionKey {
  return { id: Buffer.from(random.bytes(4)).readUInt32LE(0), key: random.bytes(keyBytes) };
}

function parse(text: string, path: string): Encryption {
  try {
    const { prefixes, keys } = JSON.parse(text) as KeyFile;
    const parsed = keys.map(({ id, key }) => ({ id, key: Uint8Array.from(Buffer.from(key, 'base64')) }));
    if (parsed.length === 0 || parsed.some((k) => k.key.length !== keyBytes)) throw new Error('a key has a wrong length');
    return { prefixes, keys: parsed };
  } catch (cause) {
    throw new StoreError('CORRUPT', `${path} holds no keys`, { op: 'encryption-keys', cause, hint: 'put the file back: without it encrypted values are lost' });
  }
}

async function save(disk: Disk, path: string, { prefixes, keys }: Encryption): Promise<void> {
  const file: KeyFile = { prefixes, keys: keys.map(({ id, key }) => ({ id, key: Buffer.from(key).toString('base64') })) };
  await disk.writeAtomic('encryption-keys', path, JSON.stringify(file), { mode: 0o600 });
}
