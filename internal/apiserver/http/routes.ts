import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { PathHandler, Routes } from '../server.ts';
import type { Paths } from './paths.ts';

interface Route {
  handler: PathHandler;
  /** What the path must begin with, for a route to all that is below it. */
  prefix?: string;
}

/**
 * Documents and probes by hono's routers. A path that ends in a slash means the one without; an
 * exact one goes before those that take what is below them.
 */
export function routesOf({ exact, below }: Paths): Routes {
  const router = new SmartRouter<Route>({ routers: [new RegExpRouter(), new TrieRouter()] });
  for (const [path, handler] of exact) router.add('GET', path, { handler });
  for (const [prefix, handler] of below) router.add('GET', `${prefix}*`, { handler, prefix });
  const find = (path: string): PathHandler | undefined => {
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const found = (at: string, fits: (route: Route) => boolean): PathHandler | undefined =>
      router.match('GET', at)[0].find(([route]) => fits(route))?.[0].handler;
    return (
      found(trimmed, ({ prefix }) => prefix === undefined) ??
      found(path, ({ prefix }) => prefix !== undefined && path.startsWith(prefix))
    );
  };
  return { find, exact: [...exact.keys()] };
}
