import { listMembers } from '../etcd/members.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { sameSecret } from '../pki/tokens.ts';
import { ownBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';

export const handshakePaths = {
  authority: '/cacerts',
  ping: '/ping',
  bootstrap: '/v1-skiff/server-bootstrap',
} as const;
/** The user part of a server's token. */
export const serverUser = 'server';

export interface HandshakeRefusal {
  message: string;
  hint: string;
}

/**
 * What other machines ask before they have a certificate: who this server is, and what a second
 * server needs.
 */
export function handshakeAnswers(options: {
  config: ServerConfig;
  doors: Doors;
  datastore: Datastore;
  password: string;
  serverCa: string;
}): (request: PlainRequest) => Promise<PlainAnswer> | undefined {
  return ({ method, path, authorization }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === handshakePaths.authority) return Promise.resolve(text(200, options.serverCa));
    if (path === handshakePaths.ping) return Promise.resolve(text(200, 'pong'));
    if (path === handshakePaths.bootstrap) return bootstrap(options, authorization);
    return undefined;
  };
}

async function bootstrap(
  { config, doors, datastore, password }: Parameters<typeof handshakeAnswers>[0],
  authorization: string | undefined,
): Promise<PlainAnswer> {
  const found = credentialsOf(authorization);
  // Compared in any case, so that the time tells nothing of the user.
  const known = sameSecret(found?.password ?? '', password) && password !== '';
  if (!found || (!known && found.user === serverUser))
    return json(401, { message: 'unknown token', hint: '' });
  if (found.user !== serverUser) {
    doors.log.warn('a token that is not the server token was refused', { user: found.user });
    return json(403, { message: 'not the server token', hint: '' });
  }
  if (!datastore.shared)
    return json(409, {
      message: 'its state is in a file of its own (SQLite)',
      hint:
        'restart that server with --cluster-init: it moves its state to etcd, and servers can ' +
        'join',
    });
  if (!datastore.etcd)
    return json(409, {
      message: 'its state is in an external datastore',
      hint: 'start this server with the same --datastore-endpoint and --token, without --server',
    });
  const members = await listMembers(datastore.etcd);
  const endpoints = members.filter((m) => !m.isLearner).flatMap((m) => m.clientURLs);
  return json(200, { ...(await ownBootstrap(config, doors)), endpoints });
}

/** RFC 7617. A bootstrap token, sent as a bearer's, is no server's. */
function credentialsOf(header: string | undefined): { user: string; password: string } | undefined {
  const [, basic] = /^Basic\s+(\S+)$/i.exec(header ?? '') ?? [];
  if (basic === undefined)
    return header?.startsWith('Bearer ') ? { user: 'bearer', password: '' } : undefined;
  const [, user = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
  return { user, password };
}

const text = (status: number, body: string): PlainAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});
const json = (status: number, body: object): PlainAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});
