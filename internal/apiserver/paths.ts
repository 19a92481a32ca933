import { invariant } from '../base/assert.ts';
import type { Paths } from './http/serve.ts';
import type { Server } from './server.ts';

const known = new WeakMap<Server, Paths>();

/** The document paths of a server; kept apart so that the in-process client finds them too. */
export function setPaths(server: Server, paths: Paths): void {
  known.set(server, paths);
}

export function pathsOf(server: Server): Paths {
  const paths = known.get(server);
  invariant(paths, 'a server has its paths before it is called', 'paths');
  return paths;
}
