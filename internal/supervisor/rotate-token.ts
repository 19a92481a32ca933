import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { bootstrapName, sealBootstrap } from '../pki/bootstrap.ts';
import { vouchedFor } from '../pki/overlap.ts';
import { caHashOf, newPassword, parseToken, sameSecret } from '../pki/tokens.ts';
import type { Op } from '../store/store.ts';
import { bootstrapPrefix, readBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { agentPassword, writeTokens } from './credentials.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import { readChange, sealedChange, tokenKey, type JoinPasswords } from './token-change.ts';

export interface RotateRequest {
  /** The token that is to be replaced; undefined = whichever it is. */
  token?: string;
  /** Made up when left out. */
  newToken?: string;
}

export interface TokenOptions {
  config: ServerConfig;
  doors: Doors;
  datastore: Datastore;
  passwords: JoinPasswords;
  serverCa: string;
}

/**
 * Puts another token in the place of the servers' one: what others join with, and what seals the
 * authorities in the datastore.
 *
 *     sealed with the old -> (one transaction) -> sealed with the new, the change noted
 *     each server: old password -> reads the note (at once, or at its next start) -> new password
 *
 * Nodes and servers that have joined have certificates, and notice nothing.
 */
export async function rotateToken(
  { token, newToken }: RotateRequest,
  options: TokenOptions,
): Promise<void> {
  const { config, doors, datastore, passwords, serverCa } = options;
  const from = passwords.server;
  if (token !== undefined && !sameSecret(parseToken(token).password, from))
    throw new ConfigError('--token: this is not the token that is in force', {
      op: 'token',
      hint: `leave it out, or take it from ${join(config.dataDir, 'server/token')}`,
    });
  const to = newToken === undefined ? newPassword(doors.random) : chosen(newToken, serverCa);
  if (sameSecret(to, from))
    throw new ConfigError('--new-token: this is the token that is in force', { op: 'token' });
  const place = { dir: join(config.dataDir, 'server'), doors };
  const { store } = datastore;
  // Two servers may be asked at once.
  const noted = (await store.range({ key: tokenKey })).kvs[0];
  const value = await sealedChange({ from, to, before: await readChange(store, place) }, place);
  const writes: Op[] = [{ op: 'put', key: tokenKey, value }];
  const compare = [{ key: tokenKey, operand: noted?.modRevision ?? 0 }];
  const common = datastore.shared ? await readBootstrap(store, from) : undefined;
  if (common) {
    const old = bootstrapPrefix + (await bootstrapName(from));
    compare.push({ key: old, operand: common.modRevision });
    writes.push(
      { op: 'delete', key: old },
      {
        op: 'put',
        key: bootstrapPrefix + (await bootstrapName(to)),
        value: await sealBootstrap(common.data, to, doors.random),
      },
    );
  }
  const done = await store.txn({
    compare: compare.map((one) => ({ ...one, target: 'MOD', result: 'EQUAL' })),
    success: writes,
    failure: [],
  });
  if (!done.succeeded)
    throw new ConfigError('another server changed the same at this moment', {
      op: 'token',
      hint: 'try it again',
    });
  passwords.server = to;
  await keepTokens(options);
  doors.log.info('the token of the servers has been replaced');
}

/** Writes what is in force to the files that people copy tokens from. */
export async function keepTokens({
  config,
  doors,
  passwords,
  serverCa,
}: Omit<TokenOptions, 'datastore'>): Promise<void> {
  passwords.agent = await agentPassword(config, doors, passwords.server);
  await writeTokens(config, doors, {
    caHash: caHashOf(serverCa),
    password: passwords.server,
    agent: passwords.agent,
  });
}

function chosen(text: string, serverCa: string): string {
  const { caHash, password, bootstrap } = parseToken(text);
  if (bootstrap !== undefined || password === '')
    throw new ConfigError('--new-token: it has no password', {
      op: 'token',
      hint: 'give a password of your own choice, or leave it out: one is made up',
    });
  if (caHash !== '' && vouchedFor(serverCa, caHash) === undefined)
    throw new ConfigError('--new-token names another cluster', { op: 'token' });
  // It is written into a line of a file, and into headers.
  if (!/^[\x21-\x7e]{1,256}$/.test(password))
    throw new ConfigError('--new-token: it is not 1 to 256 printable characters', { op: 'token' });
  return password;
}
