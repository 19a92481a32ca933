import type { ControllerRevision, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { routeToOwner } from '../kit/routing.ts';
import { controllerIndex } from '../owners.ts';
import { ordinalOf } from './identity.ts';
import { concludeStatefulSet, planStatefulSet, type StatefulSetView } from './pass.ts';

const name = 'statefulset-controller';

export function startStatefulSetController(ctx: ControllerContext): Controller {
  const sets = ctx.mirrors.of<StatefulSet>(refs.statefulSets);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const revisions = ctx.mirrors.of<ControllerRevision>(refs.controllerRevisions, {
    indexes: controllerIndex,
  });

  const view = async (key: string, read: Reading): Promise<StatefulSetView | undefined> => {
    const set = sets.get(key);
    if (!set) return undefined;
    const selector = selectorFromObject(set.spec.selector);
    const { namespace } = set.metadata;
    const claim = { owner: set, ownerRef: refs.statefulSets, selector };
    return {
      set,
      revisions: selector.empty
        ? []
        : await read.claim({ ...claim, ref: refs.controllerRevisions, from: revisions }),
      pods: selector.empty
        ? []
        : await read.claim({
            ...claim,
            ref: refs.pods,
            from: pods,
            filter: (pod) => ordinalOf(set, pod) >= 0,
          }),
      named: (revision) => revisions.get(`${namespace}/${revision}`),
      claimNamed: (claimName) => claims.get(`${namespace}/${claimName}`),
      nowMs: read.nowMs,
    };
  };

  return startPlanned<StatefulSetView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.statefulSets, mirror: sets },
        { ref: refs.pods, mirror: pods },
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.controllerRevisions, mirror: revisions },
      ],
      view,
      plan: planStatefulSet,
      conclude: concludeStatefulSet,
    },
    (queue) => {
      sets.onChange(({ key }) => queue.add(key));
      const route = {
        ownerRef: refs.statefulSets,
        owners: sets,
        selectorOf: (set: StatefulSet) => selectorFromObject(set.spec.selector),
        enqueue: (key: string) => queue.add(key),
      };
      pods.onChange((change) => routeToOwner(change, route));
    },
  );
}
