import type { PathHandler } from '../server.ts';

/**
 * Documents and probes: everything that is not a resource. A path ending in `/` also takes what is
 * below it.
 */
export interface Paths {
  exact: Map<string, PathHandler>;
  below: [prefix: string, handler: PathHandler][];
}
