import type { ServedResource } from '../registry/resource.ts';
import { header, type Exchange } from './exchange.ts';
import { negotiate, type Wanted } from './negotiate.ts';
import { first } from './request-info.ts';

/** The form in which a client wants to see a resource. People with curl get it indented. */
export function wantedFor(exchange: Exchange, resource: ServedResource, list = false): Wanted {
  const offers = {
    table: resource.engine.hasTable,
    partial: true,
    protobuf: resource.engine.encodeProtobuf !== undefined,
    list,
  };
  return negotiate(header(exchange.request, 'accept'), offers, prettyFor(exchange));
}

/** The same for an object that is not stored. Tables of such objects do not exist: 406. */
export function wantedForUnstored(exchange: Exchange): Wanted {
  const offers = { table: false, partial: false, protobuf: true, list: false };
  return negotiate(header(exchange.request, 'accept'), offers, prettyFor(exchange));
}

function prettyFor({ info, request }: Exchange): boolean {
  const asked = first(info.query, 'pretty');
  return asked === undefined
    ? /^(curl|Wget|Mozilla)/.test(header(request, 'user-agent') ?? '')
    : asked !== 'false' && asked !== '0';
}
