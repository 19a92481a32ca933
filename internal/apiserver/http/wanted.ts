import type { ServedResource } from '../registry/resource.ts';
import { header, type Exchange } from './exchange.ts';
import { negotiate, type Wanted } from './negotiate.ts';
import { first } from './request-info.ts';

/** The form in which a client wants to see a resource. People with curl get it indented. */
export function wantedFor(exchange: Exchange, resource: ServedResource, list = false): Wanted {
  const { query } = exchange.info;
  const agent = header(exchange.request, 'user-agent') ?? '';
  const asked = first(query, 'pretty');
  const pretty =
    asked === undefined ? /^(curl|Wget|Mozilla)/.test(agent) : asked !== 'false' && asked !== '0';
  const offers = {
    table: resource.engine.hasTable,
    partial: true,
    protobuf: !list && resource.engine.encodeProtobuf !== undefined,
    list,
  };
  return negotiate(
    header(exchange.request, 'accept'),
    { ...offers, protobuf: offers.protobuf },
    pretty,
  );
}
