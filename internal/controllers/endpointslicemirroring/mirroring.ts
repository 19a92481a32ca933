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
import { writeSlices } from '../endpointslice/write.ts';
import { LastWrite } from '../last-write.ts';
import { controllerRef } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

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
  const client = ctx.clientFor(name);
  const services = ctx.mirrors.of<Service>(refs.services);
  const endpoints = ctx.mirrors.of<Endpoints>(refs.endpoints);
  const slices = ctx.mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndex });
  const written = new LastWrite();

  const reconcile = async (key: string): Promise<void> => {
    if (!written.caughtUp(key, slices)) return queue.addRateLimited(key);
    const source = endpoints.get(key);
    const service = services.get(key);
    const existing = [...slices.byIndex('service', key)].filter(
      (s) => s.metadata.labels?.[managedByLabel] === mirrorController,
    );
    const wanted =
      source &&
      service &&
      !service.spec.selector &&
      isMirrored(source) &&
      !source.metadata.deletionTimestamp;
    if (!wanted) {
      if (existing.length === 0) return;
      const owner = existing[0]!.metadata.ownerReferences![0]!;
      return writeSlices(
        { create: [], update: [], remove: existing },
        { client, key, written, namespace: existing[0]!.metadata.namespace!, owner },
      );
    }
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
    const plan = planSlices(existing, groups, {
      addressTypes,
      labels,
      annotations,
      owner,
      placeholder: false,
    });
    await writeSlices(plan, { client, key, written, namespace: source.metadata.namespace!, owner });
  };

  const queue = makeQueue(ctx, { name, reconcile });
  endpoints.onChange(({ key }) => queue.add(key));
  services.onChange(({ key }) => queue.add(key));
  slices.onChange(({ object }) => {
    const service = object.metadata.labels?.[serviceNameLabel];
    if (service && object.metadata.labels?.[managedByLabel] === mirrorController)
      queue.add(`${object.metadata.namespace}/${service}`);
  });
  return run(queue, { name, mirrors: [services, endpoints, slices] });
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
