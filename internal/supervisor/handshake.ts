import { listMembers } from '../etcd/members.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { sameSecret } from '../pki/tokens.ts';
import { ownBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import { handshakePaths, serverUser } from './handshake-paths.ts';
import { json, text } from './plain-answers.ts';
import { basicCredentials } from './node-credentials.ts';
import type { JoinPasswords } from './token-change.ts';

/**
 * What other machines ask before they have a certificate: who this server is, and what a second
 * server needs.
 */
export function handshakeAnswers(options: {
  config: ServerConfig;
  doors: Doors;
  datastore: Datastore;
  passwords: Pick<JoinPasswords, 'server'>;
  serverCa: string;
  /** Answers what nodes of their own ask. */
  nodes?: (request: PlainRequest) => Promise<PlainAnswer> | undefined;
  /** Answers requests for files that anybody may read. */
  files?: (request: PlainRequest) => Promise<PlainAnswer> | undefined;
  /** Answers who asks for the page. */
  page?: ((request: PlainRequest) => Promise<PlainAnswer> | undefined) | undefined;
}): (request: PlainRequest) => Promise<PlainAnswer> | undefined {
  return (request) => {
    const { method, path, authorization } = request;
    const forNode = options.nodes?.(request) ?? options.files?.(request) ?? options.page?.(request);
    if (forNode) return forNode;
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === handshakePaths.authority) return Promise.resolve(text(200, options.serverCa));
    if (path === handshakePaths.ping) return Promise.resolve(text(200, 'pong'));
    if (path === handshakePaths.bootstrap) return bootstrap(options, authorization);
    return undefined;
  };
}

async function bootstrap(
  { config, doors, datastore, passwords }: Parameters<typeof handshakeAnswers>[0],
  authorization: string | undefined,
): Promise<PlainAnswer> {
  const found = basicCredentials(authorization);
  // Compared in any case, so that the time tells nothing of the user.
  const known = sameSecret(found?.password ?? '', passwords.server) && passwords.server !== '';
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
