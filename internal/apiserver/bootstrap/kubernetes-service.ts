import { parseIpv6 } from '../../base/addresses.ts';
import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import type { Core } from '../registry/core.ts';
import { createObject } from '../registry/create.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';
import { read } from '../registry/write.ts';
import { systemCall } from './reconcile.ts';

export interface ServerAddress {
  address: string;
  port: number;
}

export interface KubernetesService {
  clusterIp: string;
  /** Of this server. */
  port: number;
  /** All servers that are alive; one at least. */
  servers: readonly ServerAddress[];
}

/**
 * `default/kubernetes`: the Service, its Endpoints and its EndpointSlice, brought to the present
 * addresses of the servers.
 */
export async function ensureKubernetesService(core: Core, own: KubernetesService): Promise<void> {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'kubernetes', namespace: 'default', labels },
    spec: {
      clusterIP: own.clusterIp,
      type: 'ClusterIP',
      sessionAffinity: 'None',
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: own.port }],
    },
  };
  await put(
    core,
    { group: '', version: 'v1', resource: 'services' },
    service as KubeObject,
    (old) => {
      const port = (fieldsOf(old)['spec'] as { ports: { targetPort: number }[] }).ports[0];
      if (port?.targetPort === own.port) return undefined;
      const next = deepCopy(old);
      (fieldsOf(next)['spec'] as { ports: object[] }).ports = service.spec.ports;
      return next;
    },
  );
  // A machine on no network has nothing that a pod could reach.
  const reachable = own.servers.filter((one) => !isLoopback(one.address));
  const byPort = [...Map.groupBy(reachable, (one) => one.port)].sort(
    ([portA, a], [portB, b]) => b.length - a.length || portA - portB,
  );
  const subsets = byPort.map(([port, servers]) => ({
    addresses: servers.map((one) => ({ ip: one.address })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }));
  const endpoints = {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets,
  };
  await put(
    core,
    { group: '', version: 'v1', resource: 'endpoints' },
    endpoints as KubeObject,
    (old) => replaced(old, { subsets }),
  );
  // A slice has one list of ports: that of most servers.
  const [port = own.port, most = []] = byPort[0] ?? [];
  const slice = {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: parseIpv6(most[0]?.address) ? 'IPv6' : 'IPv4',
    endpoints: most.map((one) => ({ addresses: [one.address], conditions: { ready: true } })),
    ports: [{ name: 'https', protocol: 'TCP', port }],
  };
  await put(
    core,
    { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' },
    slice as KubeObject,
    (old) => replaced(old, { endpoints: slice.endpoints, ports: slice.ports }),
  );
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** The object with these fields, or undefined when it has them already. */
function replaced(old: KubeObject, fields: Record<string, unknown>): KubeObject | undefined {
  const differs = Object.entries(fields).some(
    ([key, value]) => !contains(fieldsOf(old)[key], value),
  );
  return differs ? { ...deepCopy(old), ...deepCopy(fields) } : undefined;
}

/** Whether `have` says everything `want` says; defaults may have been added to it. */
function contains(have: unknown, want: unknown): boolean {
  if (Array.isArray(want))
    return (
      Array.isArray(have) &&
      have.length === want.length &&
      want.every((one, i) => contains(have[i], one))
    );
  if (want === null || typeof want !== 'object') return have === want;
  return (
    have !== null &&
    typeof have === 'object' &&
    Object.entries(want).every(([key, value]) =>
      contains((have as Record<string, unknown>)[key], value),
    )
  );
}

async function put(
  core: Core,
  at: { group: string; version: string; resource: string },
  object: KubeObject,
  change: (old: KubeObject) => KubeObject | undefined,
): Promise<void> {
  const { namespace = '', name = '' } = object.metadata;
  const call = systemCall(core, at, namespace, name);
  let kv = await read(core, call.resource, namespace, name);
  if (!kv) {
    try {
      await createObject(core, call, call.resource.engine.normalize(object).object);
      return;
    } catch (error) {
      // Another server may have made it at this moment: then the name is taken, or the address.
      if (error instanceof ApiError) kv = await read(core, call.resource, namespace, name);
      if (!kv) throw error;
    }
  }
  if (change(viewOf(call.resource, kv)))
    await updateObject(core, call, {
      make: (old) => change(old as KubeObject) ?? deepCopy(old as KubeObject),
    });
}
