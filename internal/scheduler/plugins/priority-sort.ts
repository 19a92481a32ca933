import type { Plugin } from '../framework/plugin.ts';

/** The more important pod first, then the one that has waited longer. */
export const prioritySort = (): Plugin => ({
  name: 'PrioritySort',
  queueSort: (a, b) => b.info.priority - a.info.priority || a.since - b.since,
});
