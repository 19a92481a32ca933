import { createHash, createHmac } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { openText, sealText } from '../pki/bootstrap.ts';
import type { Store } from '../store/store.ts';
import type { Doors } from './doors.ts';

/** What machines join with, as it is now: `skiff token rotate` changes it while servers run. */
export interface JoinPasswords {
  server: string;
  /** The servers' when agents have none of their own. */
  agent: string;
}

/** Outside /registry, so that no API server ever reads it as an object. */
export const tokenKey = '/skiff/token';

/** Those that were replaced first are forgotten first. */
const mostReplaced = 32;

export interface TokenChange {
  password: string;
  /** SHA-256 of those before it, so that a configuration that was left behind is known as such. */
  replaced: string[];
}

const digestOf = (password: string): string =>
  createHash('sha256').update(`skiff token\n${password}`).digest('hex');

interface Place {
  /** The folder `server`. */
  dir: string;
  doors: Pick<Doors, 'disk'>;
}

/**
 * Sealed with what only servers of the cluster have, and keep when token or authorities change: who
 * knows an old token and reads the datastore learns nothing of the new one.
 */
async function sealingPassword({ dir, doors }: Place): Promise<string | undefined> {
  const key = await doors.disk.readIfThere('token', join(dir, 'tls/service.key'));
  return key && createHmac('sha256', 'skiff token change').update(key).digest('hex');
}

export async function readChange(store: Store, place: Place): Promise<TokenChange | undefined> {
  const kv = (await store.range({ key: tokenKey })).kvs[0];
  const seal = kv && (await sealingPassword(place));
  if (!kv || seal === undefined) return undefined;
  return JSON.parse(await openText(kv.value, seal)) as TokenChange;
}

/** What is to stand at `tokenKey` once `to` is in the place of `from`. */
export async function sealedChange(
  { from, to, before }: { from: string; to: string; before: TokenChange | undefined },
  place: Place & { doors: Pick<Doors, 'random'> },
): Promise<Buffer> {
  const seal = await sealingPassword(place);
  if (seal === undefined)
    throw new ConfigError('this server lacks authorities of the cluster', {
      op: 'token',
      hint: 'restart it: they are restored from the datastore',
    });
  const replaced = [...(before?.replaced ?? []), digestOf(from)].filter(
    (one) => one !== digestOf(to),
  );
  const change: TokenChange = { password: to, replaced: replaced.slice(-mostReplaced) };
  return await sealText(JSON.stringify(change), seal, place.doors.random);
}

/**
 * Takes the password that the cluster has now when this server's is one that was replaced, by
 * another server or while it was off. True = it was.
 */
export async function tokenNow(
  store: Store,
  { dir, doors, passwords }: Place & { doors: Pick<Doors, 'log'>; passwords: JoinPasswords },
): Promise<boolean> {
  const change = await readChange(store, { dir, doors });
  if (!change?.replaced.includes(digestOf(passwords.server))) return false;
  doors.log.warn(
    'the token of this server was replaced by "skiff token rotate": it goes on with the new ' +
      'one, which belongs into its configuration',
    { file: join(dir, 'token') },
  );
  if (passwords.agent === passwords.server) passwords.agent = change.password;
  passwords.server = change.password;
  return true;
}
