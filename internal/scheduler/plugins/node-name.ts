import { action } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'NodeName';
const refusal = unresolvable(name, "node(s) didn't match the requested node name");

/** A pod that names its node goes nowhere else. */
export const nodeName = (): Plugin => ({
  name,
  events: () => [{ resource: 'Node', actions: action.add }],
  filter: (_state, { pod }, node) =>
    pod.spec.nodeName && pod.spec.nodeName !== node.name ? refusal : undefined,
});
