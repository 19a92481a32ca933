import type { Exchange } from '../http/exchange.ts';
import { pathNotFound } from '../http/method-table.ts';
import { callFor, decodeBody, sendWritten, servePatch } from '../http/resource-handler.ts';
import { wantedFor } from '../http/wanted.ts';
import { renderObject } from '../http/render.ts';
import { send } from '../http/exchange.ts';
import { getRecord } from '../registry/list.ts';
import type { ServedResource } from '../registry/resource.ts';
import { jsonOf, viewOf } from '../registry/stored.ts';
import { putSource, updateObject } from '../registry/update.ts';
import type { Server } from '../server.ts';

export type SubresourceHandler = (
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
) => Promise<void> | void;

/**
 * Handlers by `group/resource/subresource`; those that are the object itself seen in part need
 * none.
 */
export class Subresources {
  readonly #handlers = new Map<string, SubresourceHandler>();

  add(group: string, resource: string, subresource: string, handler: SubresourceHandler): void {
    this.#handlers.set(`${group}/${resource}/${subresource}`, handler);
  }

  async serve(server: Server, exchange: Exchange, resource: ServedResource): Promise<void> {
    const { info } = exchange;
    const handler = this.#handlers.get(
      `${resource.group}/${resource.resource}/${info.subresource}`,
    );
    if (handler) return handler(server, exchange, resource);
    if (resource.subresources.get(info.subresource)?.kind !== resource.kind) throw pathNotFound();
    return servePart(server, exchange, resource);
  }
}

/** status, finalize, approval, resize, ephemeralcontainers: the strategy says which part counts. */
async function servePart(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<void> {
  const call = callFor(server, exchange, resource);
  if (exchange.info.verb === 'get') {
    const wanted = wantedFor(exchange, resource);
    const kv = await getRecord(server.core, call);
    const out = renderObject(
      resource,
      wanted,
      () => viewOf(resource, kv),
      () => jsonOf(resource, kv),
      server.core.clock.now(),
      'Metadata',
    );
    return send(exchange, 200, out.contentType, out.body);
  }
  if (exchange.info.verb === 'patch') return servePatch(server, exchange, call);
  wantedFor(exchange, resource);
  const object = await decodeBody(exchange, resource, call.validation);
  const written = await updateObject(server.core, call, putSource(call, object));
  sendWritten(server, exchange, call, written.created ? 201 : 200, written);
}
