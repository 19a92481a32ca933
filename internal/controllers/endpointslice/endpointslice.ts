import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { LastWrite } from '../last-write.ts';
import { controllerRef } from '../owners.ts';
import { makeQueue, run } from '../run.ts';
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
import { writeSlices } from './write.ts';

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
  const client = ctx.clientFor(name);
  const services = ctx.mirrors.of<Service>(refs.services);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const slices = ctx.mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndex });
  const written = new LastWrite();

  const reconcile = async (key: string): Promise<void> => {
    const service = services.get(key);
    if (!service) return written.forget(key); // its slices go with their owner
    if (!service.spec.selector || service.spec.type === 'ExternalName') return;
    if (!written.caughtUp(key, slices)) return queue.addRateLimited(key);
    const existing = [...slices.byIndex('service', key)].filter(
      (s) =>
        s.metadata.labels?.[managedByLabel] === sliceController && !s.metadata.deletionTimestamp,
    );
    const candidates = [...pods.list(service.metadata.namespace)].filter((p) =>
      selects(service, p),
    );
    const addressTypes = addressTypesOf(service);
    const groups = addressTypes.flatMap((type) =>
      portGroups(service, candidates, (node) => nodes.get(node), type),
    );
    const owner = controllerRef(refs.services, service);
    const plan = planSlices(existing, groups, {
      addressTypes,
      labels: sliceLabels(service),
      owner,
      placeholder: true,
    });
    await writeSlices(plan, {
      client,
      key,
      written,
      namespace: service.metadata.namespace!,
      owner,
    });
  };

  const queue = makeQueue(ctx, { name, reconcile });
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
  return run(queue, { name, mirrors: [services, pods, nodes, slices] });
}
