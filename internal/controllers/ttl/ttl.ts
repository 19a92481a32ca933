import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing } from '../kit/write.ts';

const name = 'ttl-controller';
const annotation = 'node.alpha.kubernetes.io/ttl';

/**
 * For how many nodes kubelets are to keep Secrets and ConfigMaps for how many seconds; the bounds
 * overlap so that a step is not taken back and forth.
 */
const steps = [
  { from: 0, to: 100, seconds: 0 },
  { from: 90, to: 500, seconds: 15 },
  { from: 450, to: 1000, seconds: 30 },
  { from: 900, to: 2000, seconds: 60 },
  { from: 1800, to: Infinity, seconds: 300 },
];

/** The step for `count` nodes, coming from step `now`. */
export function stepFor(count: number, now: number): number {
  let step = now;
  while (count > (steps[step]?.to ?? Infinity)) step++;
  while (count < (steps[step]?.from ?? 0)) step--;
  return step;
}

/** Tells kubelets by an annotation of their node how long they may keep what they have read. */
export function startTtlController(ctx: ControllerContext): Controller {
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  let step = 0;
  return startPlanned<TtlView>(
    ctx,
    {
      name,
      mirrors: [{ ref: refs.nodes, mirror: nodes }],
      view: (key) => {
        const node = nodes.get(key);
        return node && { node, seconds: String(steps[step]?.seconds ?? 0) };
      },
      plan: ({ node, seconds }) => {
        if (node.metadata.annotations?.[annotation] === seconds) return nothing;
        const body = { metadata: { annotations: { [annotation]: seconds } } };
        const patch = { type: 'merge' as const, body };
        return { steps: [{ verb: 'patch', ref: refs.nodes, object: node, patch }] };
      },
    },
    (queue) => {
      nodes.onChange(({ type, key }) => {
        const before = step;
        if (type !== 'MODIFIED') step = stepFor([...nodes.list()].length, step);
        if (step !== before) for (const node of nodes.list()) queue.add(node.metadata.name ?? '');
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

interface TtlView {
  node: Node;
  seconds: string;
}
