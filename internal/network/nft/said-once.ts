import type { Log } from '../../io/log.ts';

/** Remembered lines; more are said again. */
const mostSaid = 1000;

/**
 * Says each line once in the log: what is wrong with an object is found again at every look at it.
 */
export function saidOnce(log: Log, message: string): (what: string) => void {
  const said = new Set<string>();
  return (what) => {
    if (said.has(what)) return;
    if (said.size >= mostSaid) said.clear();
    said.add(what);
    log.warn(message, { what });
  };
}
