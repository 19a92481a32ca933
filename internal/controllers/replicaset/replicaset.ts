import type { ReplicaSet } from '../../api/generated/types/apps-v1.ts';
import type {
  Pod,
  PodTemplateSpec,
  ReplicationController,
} from '../../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { selectorFromMap, selectorFromObject, type LabelSelector } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { routeToOwner } from '../kit/routing.ts';
import { controllerIndex, controllerOf } from '../owners.ts';
import { isActive, isTerminating } from '../pod-facts.ts';
import { concludeSet, planSet, type SetFacts, type SetView } from './plan.ts';

type Owner = { apiVersion: string; kind: string; metadata: ObjectMeta };

/** How the one loop reads each of the two kinds. */
interface Kind<T extends Owner> {
  ref: ResourceRef;
  name: string;
  selector(set: T): LabelSelector;
  facts(set: T): SetFacts;
  template(set: T): PodTemplateSpec;
  /** ReplicationControllers do not report terminating replicas. */
  countsTerminating: boolean;
}

const replicaSetKind: Kind<ReplicaSet> = {
  ref: refs.replicaSets,
  name: 'replicaset-controller',
  selector: (rs) => selectorFromObject(rs.spec.selector),
  facts: (rs) => ({
    replicas: rs.spec.replicas ?? 1,
    minReadySeconds: rs.spec.minReadySeconds ?? 0,
    templateLabels: rs.spec.template?.metadata?.labels ?? {},
    generation: rs.metadata.generation ?? 0,
    status: rs.status ?? {},
  }),
  template: (rs) => rs.spec.template!,
  countsTerminating: true,
};

const replicationControllerKind: Kind<ReplicationController> = {
  ref: refs.replicationControllers,
  name: 'replication-controller',
  selector: (rc) => selectorFromMap(rc.spec.selector),
  facts: (rc) => ({
    replicas: rc.spec.replicas ?? 1,
    minReadySeconds: rc.spec.minReadySeconds ?? 0,
    templateLabels: rc.spec.template?.metadata?.labels ?? {},
    generation: rc.metadata.generation ?? 0,
    status: rc.status ?? {},
  }),
  template: (rc) => rc.spec.template!,
  countsTerminating: false,
};

export function startReplicaSetController(ctx: ControllerContext): Controller {
  return startSetController(ctx, replicaSetKind);
}

export function startReplicationController(ctx: ControllerContext): Controller {
  return startSetController(ctx, replicationControllerKind);
}

function startSetController<T extends Owner>(ctx: ControllerContext, kind: Kind<T>): Controller {
  const sets = ctx.mirrors.of<T>(kind.ref, { indexes: controllerIndex });
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });

  /**
   * The pods of a set and of its siblings under the same owner: pods that share a node with many of
   * them go first.
   */
  const relatedTo = (set: T): Pod[] => {
    const owner = controllerOf(set);
    const siblings = owner ? [...sets.byIndex('controller', owner.uid)] : [set];
    return siblings.flatMap((one) => [...pods.byIndex('controller', one.metadata.uid!)]);
  };

  return startPlanned<SetView>(
    ctx,
    {
      name: kind.name,
      mirrors: [
        { ref: kind.ref, mirror: sets },
        { ref: refs.pods, mirror: pods },
      ],
      view: async (key, read) => {
        const set = sets.get(key);
        if (!set) return undefined;
        const selector = kind.selector(set);
        const active = await read.claim({
          owner: set,
          ownerRef: kind.ref,
          ref: refs.pods,
          selector,
          from: pods,
          only: isActive,
        });
        const terminating = [...pods.byIndex('controller', set.metadata.uid!)].filter(
          (p) => isTerminating(p) && selector.matches(p.metadata.labels),
        ).length;
        return {
          set,
          ref: kind.ref,
          facts: kind.facts(set),
          template: kind.template(set),
          active,
          related: relatedTo(set),
          terminating: kind.countsTerminating ? terminating : undefined,
          nowMs: read.nowMs,
        };
      },
      plan: planSet,
      conclude: concludeSet,
    },
    (queue) => {
      sets.onChange(({ key }) => queue.add(key));
      const route = {
        ownerRef: kind.ref,
        owners: sets,
        selectorOf: (set: T) => kind.selector(set),
        enqueue: (key: string) => queue.add(key),
      };
      pods.onChange((change) => routeToOwner(change, route));
    },
  );
}
