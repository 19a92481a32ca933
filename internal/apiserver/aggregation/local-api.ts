import type { Exchange } from '../http/exchange.ts';
import type { DiscoveredResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';

/**
 * A group version that this process answers by itself, as long as no APIService gives it to another
 * server.
 */
export interface LocalApi {
  group: string;
  version: string;
  resources: readonly DiscoveredResource[];
  /** A request for one of its resources, already authorized. */
  handle(server: Server, exchange: Exchange): Promise<void>;
}
