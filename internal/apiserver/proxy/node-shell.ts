import { badRequest, forbidden } from '../../api/status.ts';
import type { Exchange } from '../http/exchange.ts';
import { first } from '../http/request-info.ts';
import { pathNotFound } from '../registry/no-route.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { connectAdmission } from './connect-admission.ts';
import type { Forwarding } from './forward.ts';
import { headerText } from './headers.ts';
import { kubeletTarget } from './kubelet-target.ts';
import { streamParameters } from './pod-streams.ts';

/**
 * Where a terminal on a node is asked for; the user has the verb `shell` on `nodes/shell`. The
 * user is named to the node, which opens a shell for nobody without a name: `forward` and `connect`
 * take such a name from nobody else.
 */
export async function shellTarget(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<Forwarding> {
  const { info, user } = exchange;
  if (info.parts.length > 3) throw pathNotFound();
  if (info.method !== 'GET') throw badRequest('a shell speaks WebSocket');
  const refuse = (why: string): Error =>
    forbidden({ group: '', resource: 'nodes' }, info.name, why);
  if (server.options.disableShell)
    throw refuse('shells are switched off on this server (--disable-shell)');
  if (user.groups.includes('system:nodes')) throw refuse('a node opens no shell');
  await connectAdmission(server, exchange, resource);
  const term = first(info.query, 'term') ?? '';
  return {
    target: await kubeletTarget(server, info.name),
    path: `/shell?${streamParameters(info.query, 'exec')}&term=${encodeURIComponent(term)}`,
    headers: { 'x-remote-user': headerText(user.name) },
  };
}
