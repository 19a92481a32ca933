import type { Mirror } from '../client/client.ts';
import { WorkQueue } from '../client/work-queue.ts';
import type { Controller, ControllerContext } from './context.ts';
import { queueObserver } from './queue-metrics.ts';

export interface LoopOptions {
  name: string;
  /** Work begins when all of these hold their first full state. */
  mirrors: Pick<Mirror<object>, 'synced' | 'stop'>[];
  reconcile: (key: string) => Promise<void>;
  concurrency?: number;
  firstRetryMs?: number;
  longestRetryMs?: number;
  mostRetries?: number;
}

/** client-go's controllers back off to 1000 s; a small cluster would rather look again sooner. */
const longestRetryMs = 60_000;

export function makeQueue(
  ctx: ControllerContext,
  options: Omit<LoopOptions, 'mirrors'>,
): WorkQueue {
  return new WorkQueue({
    longestRetryMs,
    ...options,
    clock: ctx.clock,
    log: ctx.log.named(options.name),
    observer: ctx.metrics && queueObserver(ctx.metrics, options.name),
  });
}

/**
 * Starts `queue` once the mirrors are in; the controller ends with its queue and gives the mirrors
 * back.
 */
export function run(
  queue: WorkQueue,
  options: { name: string; mirrors: LoopOptions['mirrors']; stop?: () => void },
): Controller {
  let stopped = false;
  const ready = Promise.all(options.mirrors.map((m) => m.synced)).then(() => {
    if (!stopped) queue.start();
  });
  return {
    name: options.name,
    stop: () => {
      stopped = true;
      queue.stop();
      for (const mirror of options.mirrors) mirror.stop();
      options.stop?.();
    },
    idle: () => ready.then(() => queue.idle()),
  };
}

/** The common case: one queue, some mirrors. `wire` subscribes to changes. */
export function startLoop(
  ctx: ControllerContext,
  options: LoopOptions,
  wire: (queue: WorkQueue) => void,
): Controller {
  const queue = makeQueue(ctx, options);
  wire(queue);
  return run(queue, options);
}
