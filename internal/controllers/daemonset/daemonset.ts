import { equalAs, stringMap } from '../../api/equality.ts';
import type { ControllerRevision, DaemonSet } from '../../api/generated/types/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { routeToOwner } from '../kit/routing.ts';
import { controllerIndex } from '../owners.ts';
import { noteFailure, type Failures } from './failure-back-off.ts';
import { concludeDaemonSet, planDaemonSet, takenAway, type DaemonSetView } from './pass.ts';
import { nodeOf, placement } from './placement.ts';

const name = 'daemon-set-controller';

export function startDaemonSetController(ctx: ControllerContext): Controller {
  const sets = ctx.mirrors.of<DaemonSet>(refs.daemonSets);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const revisions = ctx.mirrors.of<ControllerRevision>(refs.controllerRevisions, {
    indexes: controllerIndex,
  });
  const failures = new Map<string, Failures>();

  const view = async (key: string, read: Reading): Promise<DaemonSetView | undefined> => {
    const ds = sets.get(key);
    if (!ds) return undefined;
    const selector = selectorFromObject(ds.spec.selector);
    const claims = !selector.empty && !ds.metadata.deletionTimestamp;
    const claim = { owner: ds, ownerRef: refs.daemonSets, selector };
    return {
      ds,
      nodes: [...nodes.list()],
      revisions: claims
        ? await read.claim({ ...claim, ref: refs.controllerRevisions, from: revisions })
        : [],
      named: (revision) => revisions.get(`${ds.metadata.namespace}/${revision}`),
      pods: claims ? await read.claim({ ...claim, ref: refs.pods, from: pods }) : [],
      failures: failures.get(key),
      nowMs: read.nowMs,
      monotonicMs: ctx.clock.monotonicMs(),
    };
  };

  return startPlanned<DaemonSetView>(
    ctx,
    {
      name,
      component: 'daemonset-controller',
      mirrors: [
        { ref: refs.daemonSets, mirror: sets },
        { ref: refs.pods, mirror: pods },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.controllerRevisions, mirror: revisions },
      ],
      view,
      plan: planDaemonSet,
      conclude: concludeDaemonSet,
      remember: (key, v, outcome) => {
        for (const pod of takenAway(v, outcome)) {
          if (!failures.has(key)) failures.set(key, new Map());
          noteFailure(failures.get(key)!, nodeOf(pod), v.monotonicMs);
        }
      },
      forget: (key) => void failures.delete(key),
    },
    (queue) => {
      sets.onChange(({ key }) => queue.add(key));
      const route = {
        ownerRef: refs.daemonSets,
        owners: sets,
        selectorOf: (ds: DaemonSet) => selectorFromObject(ds.spec.selector),
        enqueue: (key: string) => queue.add(key),
      };
      pods.onChange((change) => routeToOwner(change, route));
      nodes.onChange(({ type, object, old }) => {
        if (
          type === 'MODIFIED' &&
          old &&
          equalAs(stringMap, old.metadata.labels, object.metadata.labels) &&
          equalAs('[]@core.v1.Taint', old.spec?.taints, object.spec?.taints)
        )
          return;
        for (const ds of sets.list()) {
          const [before, now] = [old && placement(ds, old), placement(ds, object)];
          if (type === 'DELETED' || !before || before.run !== now.run || before.stay !== now.stay)
            queue.add(keyOf(ds));
        }
      });
    },
  );
}
