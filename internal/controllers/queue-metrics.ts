import { growing, type MetricSet } from '../base/metrics/metric-set.ts';
import type { QueueObserver } from '../client/work-queue.ts';

const bounds = growing(1e-8, 10, 10);

/** Counts what a controller's queue does, in the names of client-go's work queues. */
export function queueObserver(set: MetricSet, name: string): QueueObserver {
  const labels = { name };
  const adds = set.counter(
    'workqueue_adds_total',
    '[ALPHA] Total number of adds handled by workqueue',
  );
  const retries = set.counter(
    'workqueue_retries_total',
    '[ALPHA] Total number of retries handled by workqueue',
  );
  const waited = set.histogram(
    'workqueue_queue_duration_seconds',
    '[ALPHA] How long in seconds an item stays in workqueue before being requested.',
    bounds,
  );
  const worked = set.histogram(
    'workqueue_work_duration_seconds',
    '[ALPHA] How long in seconds processing an item from workqueue takes.',
    bounds,
  );
  return {
    made: (queue) => depths(set).set(name, queue),
    added: () => adds.add(labels),
    retried: () => retries.add(labels),
    began: (waitedMs) => waited.observe(waitedMs / 1000, labels),
    ended: (tookMs) => worked.observe(tookMs / 1000, labels),
  };
}

type Depths = Map<string, { readonly depth: number }>;
const known = new WeakMap<MetricSet, Depths>();

/** The queues of a set: one that a controller makes again takes the place of its old one. */
function depths(set: MetricSet): Depths {
  const have = known.get(set);
  if (have) return have;
  const made: Depths = new Map();
  known.set(set, made);
  set.gauge('workqueue_depth', '[ALPHA] Current depth of workqueue', () =>
    [...made].map(([name, { depth }]) => [{ name }, depth]),
  );
  return made;
}
