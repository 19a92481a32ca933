import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import type { Plan } from '../kit/write.ts';
import { controllerRef } from '../owners.ts';
import { onPodChange, selects } from '../service-pods.ts';
import {
  addressTypesOf,
  managedByLabel,
  planSlices,
  portGroups,
  serviceNameLabel,
  sliceController,
  sliceLabels,
} from './plan.ts';
import { sliceWrites } from './write.ts';

const name = 'endpointslice-controller';
const zoneLabel = 'topology.kubernetes.io/zone';

/** The index `service`: slices by the key of the service they belong to. */
export const sliceIndex = {
  service: (slice: EndpointSlice): string[] => {
    const service = slice.metadata.labels?.[serviceNameLabel];
    return service ? [`${slice.metadata.namespace}/${service}`] : [];
  },
};

/** Keeps EndpointSlices for each service with a selector. */
export function startEndpointSliceController(ctx: ControllerContext): Controller {
  const services = ctx.mirrors.of<Service>(refs.services);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const slices = ctx.mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndex });
  return startPlanned<SlicesView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.services, mirror: services },
        { ref: refs.pods, mirror: pods },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.endpointSlices, mirror: slices },
      ],
      view: (key) => {
        const service = services.get(key);
        // The slices of a service that is gone go with their owner.
        if (!service?.spec.selector || service.spec.type === 'ExternalName') return undefined;
        const existing = [...slices.byIndex('service', key)].filter(
          (s) =>
            s.metadata.labels?.[managedByLabel] === sliceController &&
            !s.metadata.deletionTimestamp,
        );
        const chosen = [...pods.list(service.metadata.namespace)].filter((p) =>
          selects(service, p),
        );
        return { service, existing, pods: chosen, nodeNamed: (node) => nodes.get(node) };
      },
      plan: planService,
    },
    (queue) => {
      services.onChange(({ key }) => queue.add(key));
      pods.onChange((change) => onPodChange(change, services, (key) => queue.add(key)));
      slices.onChange(({ type, object }) => {
        const service = object.metadata.labels?.[serviceNameLabel];
        if (
          service &&
          (type === 'DELETED' || object.metadata.labels?.[managedByLabel] === sliceController)
        )
          queue.add(`${object.metadata.namespace}/${service}`);
      });
      nodes.onChange(({ type, object, old }) => {
        if (
          type === 'MODIFIED' &&
          old?.metadata.labels?.[zoneLabel] === object.metadata.labels?.[zoneLabel]
        )
          return;
        for (const service of services.list()) queue.add(keyOf(service));
      });
    },
  );
}

interface SlicesView {
  service: Service;
  /** The slices of this controller for the service. */
  existing: EndpointSlice[];
  /** The pods that the service selects. */
  pods: Pod[];
  nodeNamed(name: string): Node | undefined;
}

function planService({ service, existing, pods, nodeNamed }: SlicesView): Plan {
  const addressTypes = addressTypesOf(service);
  const groups = addressTypes.flatMap((type) => portGroups(service, pods, nodeNamed, type));
  const owner = controllerRef(refs.services, service);
  const labels = sliceLabels(service);
  const plan = planSlices(existing, groups, { addressTypes, labels, owner, placeholder: true });
  return sliceWrites(plan, { namespace: service.metadata.namespace!, owner });
}
