import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

const name = 'ttl-controller';
const annotation = 'node.alpha.kubernetes.io/ttl';

/**
 * For how many nodes kubelets are to keep Secrets and ConfigMaps for how many seconds; the bounds
 * overlap so that a step is not taken to and fro.
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
  const client = ctx.clientFor(name);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  let step = 0;
  const reconcile = async (key: string): Promise<void> => {
    const node = nodes.get(key);
    const seconds = String(steps[step]?.seconds ?? 0);
    if (!node || node.metadata.annotations?.[annotation] === seconds) return;
    await client
      .patch(
        refs.nodes,
        { name: key },
        { type: 'merge', body: { metadata: { annotations: { [annotation]: seconds } } } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };
  const queue = makeQueue(ctx, { name, reconcile });
  nodes.onChange(({ type, key }) => {
    const before = step;
    if (type !== 'MODIFIED') step = stepFor([...nodes.list()].length, step);
    if (step !== before) for (const node of nodes.list()) queue.add(node.metadata.name ?? '');
    if (type !== 'DELETED') queue.add(key);
  });
  return run(queue, { name, mirrors: [nodes] });
}
