import type { State } from './state.ts';
import { values } from './value-arena.ts';
import { turn } from '../io/turn.ts';

/** Keys whose values are looked at in one turn of the event loop. */
const tidyBudget = 5000;
const underWay = new WeakSet<State>();

/**
 * After a compaction: moves the values that were left behind in nearly empty slabs together, if
 * that is worth it, in pieces.
 */
export async function tidyValues(state: State, stopped: () => boolean): Promise<void> {
  if (!values.wasteful || underWay.has(state)) return;
  underWay.add(state);
  for (let key: string | undefined = '\0'; key !== undefined && !stopped();) {
    key = state.tidy(key, tidyBudget);
    await turn();
  }
  underWay.delete(state);
}
