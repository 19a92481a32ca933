import type { EndpointAddress, Endpoints, Service } from '../../api/generated/types/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import {
  managedByLabel,
  planSlices,
  serviceNameLabel,
  type PortGroup,
} from '../endpointslice/plan.ts';
import { sliceIndex } from '../endpointslice/endpointslice.ts';
import { sliceWrites } from '../endpointslice/write.ts';
import { startPlanned } from '../kit/planned.ts';
import type { Plan } from '../kit/write.ts';
import { controllerRef } from '../owners.ts';

const name = 'endpointslicemirroring-controller';
const mirrorController = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const notCopied = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** Shows hand-made Endpoints (of services without a selector) as EndpointSlices. */
export function startEndpointSliceMirroringController(ctx: ControllerContext): Controller {
  const services = ctx.mirrors.of<Service>(refs.services);
  const endpoints = ctx.mirrors.of<Endpoints>(refs.endpoints);
  const slices = ctx.mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndex });
  return startPlanned<MirroringView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.services, mirror: services },
        { ref: refs.endpoints, mirror: endpoints },
        { ref: refs.endpointSlices, mirror: slices },
      ],
      view: (key) => ({
        service: services.get(key),
        source: endpoints.get(key),
        existing: [...slices.byIndex('service', key)].filter(
          (s) => s.metadata.labels?.[managedByLabel] === mirrorController,
        ),
      }),
      plan: planMirroring,
    },
    (queue) => {
      endpoints.onChange(({ key }) => queue.add(key));
      services.onChange(({ key }) => queue.add(key));
      slices.onChange(({ object }) => {
        const service = object.metadata.labels?.[serviceNameLabel];
        if (service && object.metadata.labels?.[managedByLabel] === mirrorController)
          queue.add(`${object.metadata.namespace}/${service}`);
      });
    },
  );
}

interface MirroringView {
  service: Service | undefined;
  source: Endpoints | undefined;
  /** The slices of this controller under that name. */
  existing: EndpointSlice[];
}

function planMirroring({ service, source, existing }: MirroringView): Plan {
  const wanted =
    source &&
    service &&
    !service.spec.selector &&
    isMirrored(source) &&
    !source.metadata.deletionTimestamp;
  if (!wanted)
    return {
      steps: existing.map((object) => ({ verb: 'delete', ref: refs.endpointSlices, object })),
    };
  const groups = groupsOf(source);
  const addressTypes = [...new Set(groups.map((g) => g.addressType))];
  const labels = {
    ...source.metadata.labels,
    [serviceNameLabel]: source.metadata.name!,
    [managedByLabel]: mirrorController,
  };
  const annotations = Object.fromEntries(
    Object.entries(source.metadata.annotations ?? {}).filter(([k]) => !notCopied.has(k)),
  );
  const owner = controllerRef(refs.endpoints, source);
  const options = { addressTypes, labels, annotations, owner, placeholder: false };
  const plan = planSlices(existing, groups, options);
  return sliceWrites(plan, { namespace: source.metadata.namespace!, owner });
}

function isMirrored(source: Endpoints): boolean {
  return (
    source.metadata.labels?.[skipLabel] !== 'true' &&
    source.metadata.annotations?.[leaderAnnotation] === undefined
  );
}

function groupsOf(source: Endpoints): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const subset of source.subsets ?? []) {
    const ports = (subset.ports ?? []).map((p) => ({
      name: p.name ?? '',
      port: p.port,
      protocol: p.protocol ?? 'TCP',
      ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
    }));
    const put = (address: EndpointAddress, ready: boolean): void => {
      const addressType = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      const key = `${addressType} ${JSON.stringify(ports)}`;
      let group = groups.get(key);
      if (!group) groups.set(key, (group = { addressType, ports, endpoints: [] }));
      group.endpoints.push(endpointOf(address, ready));
    };
    for (const a of subset.addresses ?? []) put(a, true);
    for (const a of subset.notReadyAddresses ?? []) put(a, false);
  }
  return [...groups.values()];
}

function endpointOf(address: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [address.ip],
    conditions: { ready },
    ...(address.hostname ? { hostname: address.hostname } : {}),
    ...(address.targetRef ? { targetRef: address.targetRef } : {}),
    ...(address.nodeName ? { nodeName: address.nodeName } : {}),
  };
}
