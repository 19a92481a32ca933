/** Names of hosts in lower case: whole, `*.` and what one or more labels stand before, '' for any. */

const name = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const longest = 253;

export const isHostname = (host: string): boolean => name.test(host) && host.length <= longest;

/** Whether every host of `inner` is one of `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '' || outer === inner) return true;
  return outer.startsWith('*.') && inner.endsWith(outer.slice(1));
}

/** What a listener and a route have in common; undefined: nothing. */
export function intersection(listener: string, route: string): string | undefined {
  if (covers(listener, route)) return route;
  return covers(route, listener) ? listener : undefined;
}
