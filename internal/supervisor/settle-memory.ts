import { collectGarbage } from '../io/collect-garbage.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { busyShare } from '../io/busy-share.ts';
import { reclaimPages } from '../io/reclaim-pages.ts';
import type { Part } from './running.ts';

/** A start is over by then, with the first pods. */
const firstLookMs = 45_000;
const lookAgainMs = 15_000;
/** Of the event loop's time since the last look; a collection stops it for some 100 ms. */
const quietShare = 0.2;

/**
 * Gives back what the start took, once: garbage that V8 would keep until somebody needs memory,
 * then the pages of the executable that only a start reads. In this order, for a collection reads
 * many of them. Waits for a quiet moment.
 */
export function settleMemory({ clock, log }: { clock: Clock; log: Log }): Part {
  let timer: Timer;
  const since = busyShare();
  const look = (): void => {
    if (since() > quietShare) {
      timer = clock.after('settle memory', lookAgainMs, look);
      return;
    }
    collectGarbage();
    void reclaimPages().then((asked) => log.debug('what the start took is given back', { asked }));
  };
  timer = clock.after('settle memory', firstLookMs, look);
  return { name: 'memory of the start', stop: () => timer.cancel() };
}
