import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { hasData } from '../etcd/managed.ts';
import { realDial, type Dial } from '../io/dial.ts';
import { checkBootstrap } from '../pki/bootstrap.ts';
import { parseToken } from '../pki/tokens.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { adoptBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { toldToken } from './credentials.ts';
import type { Doors } from './doors.ts';
import { ask, parse, trustedAuthority, type Answer, type Asking } from './ask-server.ts';
import { handshakePaths, serverUser, type HandshakeRefusal } from './handshake-paths.ts';

const op = 'join';

export interface Joined {
  /**
   * Where members of the cluster's etcd answer; empty when this server is a member already and
   * knows for itself.
   */
  endpoints: string[];
}

/**
 * `--server`: makes this machine hold what the cluster's servers hold in common, fetched from one
 * of them, once. A server that has joined asks nobody: it must start while the first one is away.
 */
export async function joinCluster(
  config: ServerConfig,
  doors: Doors,
  dial: Dial = realDial,
): Promise<Joined | undefined> {
  if (config.server === undefined) return undefined;
  const { disk } = doors;
  if (await hasData({ disk, dir: join(config.dataDir, 'server/db/etcd') }))
    return { endpoints: [] };
  await refuseOwnState(config, doors);
  const told = await toldToken(config, doors);
  if (told === undefined)
    throw new ConfigError('--server needs --token', {
      op,
      hint: 'take it from server/token in the data directory of the first server',
    });
  const token = parseToken(told);
  if (token.bootstrap !== undefined)
    throw new ConfigError('a server does not join with a bootstrap token', {
      op,
      hint: 'take the token from server/token on the first server',
    });
  const { data, endpoints } = await handshake({
    url: config.server,
    token,
    dial,
    warn: (message, more) => doors.log.warn(message, more),
  });
  const written = await adoptBootstrap(config, doors, data);
  doors.log.info('joining a cluster', {
    server: config.server,
    files: written.length,
    members: endpoints.length,
  });
  return { endpoints };
}

/**
 * A server with a cluster of its own does not join another by the way: that would lose the first.
 */
export async function refuseOwnState(
  config: ServerConfig,
  { disk }: Pick<Doors, 'disk'>,
): Promise<void> {
  const db = join(config.dataDir, 'server/db');
  if (
    config.server === undefined ||
    (await hasData({ disk, dir: join(db, 'etcd') })) ||
    !(await disk.stat(op, join(db, fileName)))
  )
    return;
  throw new ConfigError(
    `${join(db, fileName)} holds the state of a cluster of its own, which --server ` +
      `${config.server} would leave behind`,
    { op, hint: 'leave out --server (and SKIFF_URL), or give an empty --data-dir' },
  );
}

/**
 * Asks a server for its authority, holds it against the token, then asks it, by that authority, for
 * the common data.
 */
export async function handshake({
  url,
  token,
  dial,
  warn,
}: Asking): Promise<{ data: ReturnType<typeof checkBootstrap>; endpoints: string[] }> {
  const { target, ca } = await trustedAuthority({ url, token, dial, warn });
  const pair = `${token.user || serverUser}:${token.password}`;
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  const answer = await ask(dial, url, { ...target, tls: { ca } }, handshakePaths.bootstrap, {
    authorization,
  });
  if (answer.status !== 200) throw refused(url, answer);
  const parsed = parse(answer.body, url) as { endpoints?: unknown };
  const endpoints = Array.isArray(parsed.endpoints)
    ? parsed.endpoints.filter((one): one is string => typeof one === 'string')
    : [];
  return { data: checkBootstrap(parsed), endpoints };
}

function refused(url: string, { status, body }: Answer): ConfigError {
  if (status === 401)
    return new ConfigError(`${url} does not know this token`, {
      op,
      hint: 'take it from server/token on that server',
    });
  if (status === 403)
    return new ConfigError('this token is for agents: a server joins with the server token', {
      op,
      hint: 'take it from server/token on the first server',
    });
  const { message, hint } = parse(body, url) as Partial<HandshakeRefusal>;
  return new ConfigError(`${url} takes no servers: ${message ?? `status ${status}`}`, {
    op,
    ...(hint !== undefined && { hint }),
  });
}
