import type { Endpoints, Pod, Service } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { LastWrite } from '../last-write.ts';
import { isApiError, isNamespaceTerminating } from '../owners.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';
import { isHeadless, onPodChange, selects } from '../service-pods.ts';
import {
  headlessLabel,
  managedBy,
  managedByLabel,
  overCapacityAnnotation,
  subsetsOf,
  truncate,
} from './plan.ts';

const name = 'endpoint-controller';

/** Keeps an Endpoints object for each service with a selector. */
export function startEndpointsController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: name });
  const services = ctx.mirrors.of<Service>(refs.services);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const endpoints = ctx.mirrors.of<Endpoints>(refs.endpoints);
  const written = new LastWrite();

  const write = async (
    key: string,
    service: Service,
    present: Endpoints | undefined,
  ): Promise<void> => {
    const candidates = [...pods.list(service.metadata.namespace)].filter((p) =>
      selects(service, p),
    );
    const { subsets, truncated } = truncate(subsetsOf(service, candidates));
    const labels = {
      ...service.metadata.labels,
      [managedByLabel]: managedBy,
      ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    };
    const { [overCapacityAnnotation]: wasTruncated, ...annotations } =
      present?.metadata.annotations ?? {};
    if (
      present &&
      same(present.subsets, subsets) &&
      same(present.metadata.labels, labels) &&
      Boolean(wasTruncated) === truncated
    )
      return;
    const metadata = {
      ...(present?.metadata ?? {
        name: service.metadata.name,
        namespace: service.metadata.namespace,
      }),
      labels,
      annotations: {
        ...annotations,
        ...(truncated ? { [overCapacityAnnotation]: 'truncated' } : {}),
      },
    };
    try {
      const next = { metadata, subsets };
      const done = present
        ? await client.update<Endpoints>(refs.endpoints, next)
        : await client.create<Endpoints>(refs.endpoints, next);
      written.note(key, done);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!isApiError(error, 'Conflict', 'AlreadyExists')) {
        const what = `${service.metadata.namespace}/${service.metadata.name}: ${messageOf(error)}`;
        if (present)
          events.warning(present, 'FailedToUpdateEndpoint', `Failed to update endpoint ${what}`);
        else
          events.warning(
            service,
            'FailedToCreateEndpoint',
            `Failed to create endpoint for service ${what}`,
          );
      }
      throw error;
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const service = services.get(key);
    const present = endpoints.get(key);
    if (!service) {
      written.forget(key);
      if (!present) return;
      await client.delete(refs.endpoints, splitKey(key)).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
      return;
    }
    if (!service.spec.selector || service.spec.type === 'ExternalName') return;
    if (written.caughtUp(key, endpoints)) await write(key, service, present);
    else queue.addRateLimited(key);
  };

  const queue = makeQueue(ctx, { name, reconcile });
  services.onChange(({ key }) => queue.add(key));
  pods.onChange((change) => onPodChange(change, services, (key) => queue.add(key)));
  endpoints.onChange(({ type, key }) => {
    if (type === 'DELETED') queue.add(key);
  });
  // What a service left behind while nobody watched.
  void Promise.all([services.synced, endpoints.synced]).then(() => {
    for (const e of endpoints.list()) {
      const key = `${e.metadata.namespace}/${e.metadata.name}`;
      if (e.metadata.labels?.[managedByLabel] === managedBy && !services.get(key)) queue.add(key);
    }
  });
  return run(queue, { name, mirrors: [services, pods, endpoints] });
}
