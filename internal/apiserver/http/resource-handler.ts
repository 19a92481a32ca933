import { methodNotAllowed, pathNotFound } from '../registry/no-route.ts';
import { placeOf, type ApiCall } from '../operations/operation.ts';
import { operate } from '../operations/operate.ts';
import type { Server } from '../server.ts';
import { serveWatch } from '../watch/serve-watch.ts';
import { callFor, watchQuery } from './call-for.ts';
import { warnDeprecated, type Exchange } from './exchange.ts';
import { RequestInput } from './input.ts';
import { checkRoute } from './method-table.ts';
import type { Wanted } from './negotiate.ts';
import { serveHistory } from './serve-history.ts';
import { sendResult } from './send-result.ts';
import { wantedFor, wantedForUnstored } from './wanted.ts';

/**
 * Requests under /api and /apis that name a resource of this server, already authorized; they
 * asks.
 */
export async function serveResource(server: Server, exchange: Exchange): Promise<void> {
  const { info } = exchange;
  const resource = server.core.resources.find(info.group, info.version, info.resource);
  if (!resource) throw pathNotFound();
  checkRoute(resource, info);
  if (resource.deprecationWarning) warnDeprecated(exchange, resource.deprecationWarning);
  const connect = server.connections.find(resource.group, resource.resource, info.subresource);
  if (connect && info.verb !== 'watch') return connect(server, exchange, resource);
  const call = callFor(exchange, resource);
  if (info.verb === 'watch') return serveWatch(server, exchange, call, watchQuery(info));
  if (info.verb === '') throw methodNotAllowed();
  if (info.verb === 'get' && info.query.has('history') && isKept(server, call))
    return serveHistory(server, exchange, call);
  const wanted = wantedOf(server, exchange, call);
  const input = new RequestInput(server.unstored, exchange, call);
  const result = await operate(server.core, server.operations, call, input);
  await sendResult(server, exchange, call, wanted, result);
}

/** Objects themselves, which lie in the store. */
const isKept = (server: Server, call: ApiCall): boolean =>
  call.subresource === '' &&
  call.resource.verbs.includes('get') &&
  !server.operations.find(placeOf(call));

/** Refused before anything is done: a request that cannot be answered changes nothing. */
function wantedOf(server: Server, exchange: Exchange, call: ApiCall): Wanted {
  return server.operations.find(placeOf(call))
    ? wantedForUnstored(exchange)
    : wantedFor(exchange, call.resource, call.verb === 'list' || call.verb === 'deletecollection');
}
