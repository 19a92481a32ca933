import type { Clock } from './clock.ts';
import { turn } from './turn.ts';

/** A turn of the event loop that takes less had nothing in it. */
const emptyTurnMs = 0.3;
/** How much longer others have than work that can wait, while they have something to do. */
const othersShare = 4;

/**
 * Ends a piece of work that can wait and took `workedMs` of the thread: others have their turns
 * until they had four times as much, or until there is nobody. So such work takes a fifth of a busy
 * thread, and all of an idle one.
 */
export async function giveWay(clock: Clock, workedMs: number): Promise<void> {
  const due = clock.monotonicMs() + workedMs * othersShare;
  for (let now = clock.monotonicMs(); ;) {
    await turn();
    const then = now;
    now = clock.monotonicMs();
    if (now - then < emptyTurnMs || now >= due) return;
  }
}
