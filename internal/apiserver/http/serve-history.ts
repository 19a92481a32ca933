import { keyOf } from '../../store/store.ts';
import { notFound } from '../../api/status.ts';
import type { ApiCall } from '../operations/operation.ts';
import { historyOf } from '../registry/history.ts';
import { keyFor, whatOf } from '../registry/resource.ts';
import { viewOf } from '../registry/stored.ts';
import type { Server } from '../server.ts';
import { send, type Exchange } from './exchange.ts';
import { contentTypes } from './negotiate.ts';

/**
 * A GET of an object with `?history`: its versions as far as the store has them, those of an object
 * that is deleted, too. A user who may get the object may get what it was a moment ago.
 */
export async function serveHistory(
  { core }: Pick<Server, 'core'>,
  exchange: Exchange,
  { resource, namespace, name }: ApiCall,
): Promise<void> {
  const found = await historyOf(core.store, keyOf(keyFor(resource, namespace, name)));
  if (found.versions.length === 0) throw notFound(whatOf(resource), name);
  const kvs = found.versions.flatMap(({ kv }) => kv ?? []);
  await resource.engine.prepare?.(kvs);
  const items = found.versions.map(({ revision, kv }) => ({
    revision,
    ...(kv && { object: viewOf(resource, kv) }),
  }));
  const now = new Date(core.clock.now()).toISOString();
  const answer = { kind: 'ObjectHistory', apiVersion: 'v1', now, since: found.since, items };
  send(exchange, 200, contentTypes.json, Buffer.from(`${JSON.stringify(answer)}\n`));
}
