import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { ownerKey, routeToOwner } from '../kit/routing.ts';
import { controllerIndex, controllerOf } from '../owners.ts';
import { concludeDeployment, planDeployment } from './plan.ts';
import type { RolloutView } from './rollout.ts';

const name = 'deployment-controller';

export function startDeploymentController(ctx: ControllerContext): Controller {
  const deployments = ctx.mirrors.of<Deployment>(refs.deployments);
  const sets = ctx.mirrors.of<ReplicaSet>(refs.replicaSets, { indexes: controllerIndex });
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });

  return startPlanned<RolloutView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.deployments, mirror: deployments },
        { ref: refs.replicaSets, mirror: sets },
        { ref: refs.pods, mirror: pods },
      ],
      view: async (key, read) => {
        const deployment = deployments.get(key);
        if (!deployment) return undefined;
        const selector = selectorFromObject(deployment.spec.selector);
        const claim = { owner: deployment, ownerRef: refs.deployments, selector };
        return {
          deployment,
          owned: selector.empty
            ? []
            : await read.claim({ ...claim, ref: refs.replicaSets, from: sets }),
          named: (set) => sets.get(`${deployment.metadata.namespace}/${set}`),
          podsOf: (rs) => pods.byIndex('controller', rs.metadata.uid!),
          nowMs: read.nowMs,
        };
      },
      plan: planDeployment,
      conclude: concludeDeployment,
    },
    (queue) => {
      deployments.onChange(({ key }) => queue.add(key));
      const route = {
        ownerRef: refs.deployments,
        owners: deployments,
        selectorOf: (d: Deployment) => selectorFromObject(d.spec.selector),
        enqueue: (key: string) => queue.add(key),
      };
      sets.onChange((change) => routeToOwner(change, route));
      // A Recreate rollout waits for the last old pod to be gone, which its set's counts do not
      // tell.
      pods.onChange(({ type, object: pod }) => {
        if (type !== 'DELETED') return;
        const owner = controllerOf(pod);
        const rs = owner && sets.get(`${pod.metadata.namespace}/${owner.name}`);
        const key = rs && ownerKey(rs, refs.deployments, deployments);
        if (key && deployments.get(key)?.spec.strategy?.type === 'Recreate') queue.add(key);
      });
    },
  );
}
