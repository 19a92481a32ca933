import type { Endpoints, Pod, Service } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { onPodChange, selects } from '../service-pods.ts';
import { managedBy, managedByLabel, planEndpoints, type EndpointsView } from './plan.ts';

const name = 'endpoint-controller';

/** Keeps an Endpoints object for each service with a selector. */
export function startEndpointsController(ctx: ControllerContext): Controller {
  const services = ctx.mirrors.of<Service>(refs.services);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const endpoints = ctx.mirrors.of<Endpoints>(refs.endpoints);
  return startPlanned<EndpointsView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.services, mirror: services },
        { ref: refs.pods, mirror: pods },
        { ref: refs.endpoints, mirror: endpoints },
      ],
      view: (key) => {
        const service = services.get(key);
        const present = endpoints.get(key);
        if (!service && !present) return undefined;
        const chosen = service
          ? [...pods.list(service.metadata.namespace)].filter((p) => selects(service, p))
          : [];
        return { service, present, pods: chosen };
      },
      plan: planEndpoints,
    },
    (queue) => {
      services.onChange(({ key }) => queue.add(key));
      pods.onChange((change) => onPodChange(change, services, (key) => queue.add(key)));
      endpoints.onChange(({ type, key }) => {
        if (type === 'DELETED') queue.add(key);
      });
      // What a service left behind while nobody watched.
      void Promise.all([services.synced, endpoints.synced]).then(() => {
        for (const e of endpoints.list()) {
          const key = `${e.metadata.namespace}/${e.metadata.name}`;
          if (e.metadata.labels?.[managedByLabel] === managedBy && !services.get(key))
            queue.add(key);
        }
      });
    },
  );
}
