import type { Pod } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import { controllerOf } from '../owners.ts';
import type { DrainSpec } from './plan-types.ts';

/** What is left to do before a node is drained. */
export interface Draining {
  /** To be evicted now. */
  evict: Pod[];
  /** On their way out. */
  leaving: Pod[];
  /** Why the node cannot be drained as the options stand. */
  refused: string | undefined;
}

/** What kubectl drain does with the pods of a node, as far as it has not been done. */
export function planDrain(drain: DrainSpec, pods: readonly Pod[], nowMs: number): Draining {
  const selector = drain.podSelector && selectorFromObject(drain.podSelector);
  const skipMs = (drain.skipWaitForDeleteTimeout ?? 0) * 1000;
  const refusals: string[] = [];
  const [evict, leaving]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods) {
    const { labels, annotations, deletionTimestamp, namespace, name } = pod.metadata;
    if (selector && !selector.matches(labels)) continue;
    if (own(annotations, 'kubernetes.io/config.mirror') !== undefined) continue;
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    const kind = controllerOf(pod)?.kind;
    if (kind === 'DaemonSet' && !ended) {
      if (drain.ignoreDaemonSets === false) refusals.push(`${namespace}/${name}: of a DaemonSet`);
      continue;
    }
    if (deletionTimestamp !== undefined) {
      const overdue = skipMs > 0 && nowMs - Date.parse(deletionTimestamp) > skipMs;
      if (!overdue) leaving.push(pod);
      continue;
    }
    if (!ended && kind === undefined && drain.force !== true)
      refusals.push(`${namespace}/${name}: no controller would make it again (force)`);
    else if (!ended && !mayLoseData(drain) && (pod.spec.volumes ?? []).some((v) => v.emptyDir))
      refusals.push(`${namespace}/${name}: has an emptyDir (deleteEmptydirData)`);
    else evict.push(pod);
  }
  const refused = refusals.length > 0 ? refusals.join(', ') : undefined;
  return refused === undefined ? { evict, leaving, refused } : { evict: [], leaving, refused };
}

const mayLoseData = ({ deleteLocalData, deleteEmptydirData }: DrainSpec): boolean =>
  (deleteLocalData ?? true) && (deleteEmptydirData ?? true);
