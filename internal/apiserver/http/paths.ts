import type { Server } from '../server.ts';
import type { Exchange } from './exchange.ts';

export type PathHandler = (server: Server, exchange: Exchange) => Promise<void> | void;

/**
 * Documents and probes: everything that is not a resource. A path ending in `/` also takes what is
 * below it.
 */
export interface Paths {
  exact: Map<string, PathHandler>;
  below: [prefix: string, handler: PathHandler][];
}
