import type { Pod } from '../api/generated/types/core-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Mirror } from '../client/client.ts';
import type { Parts } from './assemble.ts';
import type { AgentOptions } from './options.ts';
import { isMirror } from './pods/model.ts';
import { watchStaticPods } from './static-pods/watch.ts';

/**
 * The server may be starting beside us: only after this long do pods start from what the disk
 * remembers.
 */
const offlineAfterMs = 3000;

export interface FeedInput {
  options: AgentOptions;
  parts: Parts;
  pods: Mirror<Pod>;
  synced: { done: boolean };
  whenSynced: Promise<void>;
}

/**
 * Desired pods: from the API as soon as it answers, from the disk while it does not, and from
 * manifests. Returns how to stop.
 */
export async function feedPods(input: FeedInput): Promise<() => void> {
  const { options, parts, synced } = input;
  const { set, desired, mirrorPods } = parts;
  const remembered = await desired.load();
  const isOther = (pod: Pod): boolean => !mirrorPods.isWanted(pod.metadata.uid!);
  const stopStatic = await watchStaticPods({
    ...options,
    dir: `${options.agentDir}/pod-manifests`,
    node: options.nodeName,
    log: options.log.named('static-pods'),
    changed: (all) => mirrorPods.changed(all),
  });
  const timer = options.clock.after('agent.offline', offlineAfterMs, () => {
    if (synced.done) return;
    options.log.warn('the server does not answer: pods start from what this node remembers', {
      pods: remembered.length,
    });
    parts.offline.now = true;
    for (const pod of remembered) if (isOther(pod)) set.apply(pod);
  });
  let stopPods: () => void = () => undefined;
  const follow = async (): Promise<void> => {
    await input.whenSynced;
    timer.cancel();
    stopPods = input.pods.onChange(({ type, object }) => {
      if (isMirror(object)) mirrorPods.reconcile();
      else if (type === 'DELETED') set.remove(object.metadata.uid!);
      else set.apply(object);
    });
    // What the server forgot while we were away is not wanted any more.
    const known = new Set([...input.pods.list()].map((p) => p.metadata.uid));
    for (const pod of remembered)
      if (!known.has(pod.metadata.uid) && isOther(pod)) set.remove(pod.metadata.uid!);
    mirrorPods.reconcile();
    await set.sweep();
  };
  follow().catch((error: unknown) =>
    options.log.error('pods of the server are not followed', { error: messageOf(error) }),
  );
  return () => {
    timer.cancel();
    stopStatic();
    stopPods();
  };
}
