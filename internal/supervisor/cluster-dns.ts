import type { Service } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { orUndefined } from './own-objects.ts';

const where = { namespace: 'kube-system', name: 'kube-dns' };
const managedBy = 'endpointslice.kubernetes.io/managed-by';
const labels = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};
const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

/**
 * The Service that clients look for when they want the cluster's DNS. Nothing stands behind it:
 * every node answers on the address itself, so its one endpoint is that same address, and the proxy
 * leaves it alone.
 */
export async function ensureClusterDns(client: Client, clusterDns: string): Promise<void> {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...where, labels },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterDns,
      ports: ports.map((p) => ({ ...p, targetPort: p.port })),
    },
  };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...where,
      labels: { 'kubernetes.io/service-name': 'kube-dns', [managedBy]: 'skiff' },
    },
    addressType: 'IPv4',
    endpoints: [
      { addresses: [clusterDns], conditions: { ready: true, serving: true, terminating: false } },
    ],
    ports,
  };
  const there = await orUndefined(client.get<Service>(refs.services, where));
  // the operator chose another address
  if (there && there.spec.clusterIP !== clusterDns) await client.delete(refs.services, where);
  if (there?.spec.clusterIP !== clusterDns)
    await madeByAny(client.create(refs.services, service), () => client.get(refs.services, where));
  const slices = await orUndefined(client.get<EndpointSlice>(refs.endpointSlices, where));
  if (!slices)
    await madeByAny(client.create(refs.endpointSlices, slice), () =>
      client.get(refs.endpointSlices, where),
    );
  else if (slices.endpoints?.[0]?.addresses?.[0] !== clusterDns)
    await client.update(refs.endpointSlices, {
      ...slice,
      metadata: { ...slice.metadata, resourceVersion: slices.metadata.resourceVersion },
    });
}

/**
 * `--disable coredns`: takes away what was made above. A Service that somebody else made, with pods
 * of their own behind it, stays.
 */
export async function removeClusterDns(client: Client): Promise<void> {
  const slice = await orUndefined(client.get<EndpointSlice>(refs.endpointSlices, where));
  if (slice?.metadata.labels?.[managedBy] !== 'skiff') return;
  await orUndefined(client.delete(refs.endpointSlices, where));
  const service = await orUndefined(client.get<Service>(refs.services, where));
  if (service && !service.spec.selector) await orUndefined(client.delete(refs.services, where));
}

/** Another server may be making the same at this moment: what counts is that it is there. */
async function madeByAny(made: Promise<unknown>, look: () => Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(await orUndefined(look()))) throw error;
  }
}
