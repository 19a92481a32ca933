import { action } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'SchedulingGates';

/** A pod with gates is not looked at until all are taken away (KEP-3521). */
export const schedulingGates = (): Plugin => ({
  name,
  events: () => [
    {
      resource: 'Pod',
      actions: action.updatePodSchedulingGatesEliminated,
      hint: (pod, { now }) => (now as typeof pod | undefined)?.metadata.uid === pod.metadata.uid,
    },
  ],
  preEnqueue: ({ spec }) =>
    spec.schedulingGates?.length
      ? unresolvable(
          name,
          `waiting for scheduling gates: [${spec.schedulingGates.map((g) => g.name).join(' ')}]`,
        )
      : undefined,
});
