import type { PlainRequest } from '../apiserver/options.ts';
import type { UserInfo } from '../apiserver/authn/user.ts';
import { ApiError } from '../api/status.ts';
import { sameSecret } from '../pki/tokens.ts';
import { nodeUser, serverUser } from './handshake-paths.ts';

/** RFC 7617. What is sent as a bearer's token has no password here. */
export function basicCredentials(
  header: string | undefined,
): { user: string; password: string } | undefined {
  const [, basic] = /^Basic\s+(\S+)$/i.exec(header ?? '') ?? [];
  if (basic === undefined)
    return header?.startsWith('Bearer ') ? { user: 'bearer', password: '' } : undefined;
  const [, user = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
  return { user, password };
}

/** Bootstrap tokens with this group let nodes join; `skiff token create` gives it. */
const joinGroup = 'system:bootstrappers:skiff:default-node-token';

/**
 * Who may join a node: somebody with the token of the servers or the agents, a bootstrap token, or
 * a node with its own certificate, which speaks for itself alone.
 */
export type Joiner = { by: 'token' } | { by: 'node'; nodeName: string };

/** Undefined: neither a valid token nor a certificate of a node. */
export async function joinerOf(
  request: Pick<PlainRequest, 'authorization' | 'user'>,
  passwords: { server: string; agent: string },
): Promise<Joiner | undefined> {
  const found = basicCredentials(request.authorization);
  if (found && found.user !== 'bearer') {
    // All are compared in any case, so that the time tells nothing.
    const server = sameSecret(found.password, passwords.server) && passwords.server !== '';
    const agent = sameSecret(found.password, passwords.agent) && passwords.agent !== '';
    const known =
      (found.user === serverUser && server) || (found.user === nodeUser && (agent || server));
    return known ? { by: 'token' } : undefined;
  }
  const user = await userOf(request);
  if (user?.groups.includes(joinGroup)) return { by: 'token' };
  const prefix = 'system:node:';
  if (user?.name.startsWith(prefix) && user.groups.includes('system:nodes'))
    return { by: 'node', nodeName: user.name.slice(prefix.length) };
  return undefined;
}

async function userOf(request: Pick<PlainRequest, 'user'>): Promise<UserInfo | undefined> {
  try {
    return await request.user();
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
