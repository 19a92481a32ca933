import { isIPv6 } from 'node:net';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import type { Core } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';
import { read } from '../registry/write.ts';
import { systemCall } from './reconcile.ts';

export interface OwnAddress {
  clusterIp: string;
  address: string;
  port: number;
}

/** `default/kubernetes`: the Service, its Endpoints and its EndpointSlice, brought to the server's present address. */
export async function ensureKubernetesService(core: Core, own: OwnAddress): Promise<void> {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const service = {
    kind: 'Service', apiVersion: 'v1', metadata: { name: 'kubernetes', namespace: 'default', labels },
    spec: {
      clusterIP: own.clusterIp, type: 'ClusterIP', sessionAffinity: 'None', ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: own.port }],
    },
  };
  await put(core, { group: '', version: 'v1', resource: 'services' }, service as unknown as KubeObject, (old) => {
    const port = (old['spec'] as { ports: { targetPort: number }[] }).ports[0];
    if (port?.targetPort === own.port) return undefined;
    const next = deepCopy(old);
    (next['spec'] as { ports: object[] }).ports = service.spec.ports;
    return next;
  });
  const subsets = [{ addresses: [{ ip: own.address }], ports: [{ name: 'https', port: own.port, protocol: 'TCP' }] }];
  const endpoints = { kind: 'Endpoints', apiVersion: 'v1', metadata: { name: 'kubernetes', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets };
  await put(core, { group: '', version: 'v1', resource: 'endpoints' }, endpoints as unknown as KubeObject, (old) => replaced(old, { subsets }));
  const slice = {
    kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: isIPv6(own.address) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [own.address], conditions: { ready: true } }],
    ports: [{ name: 'https', protocol: 'TCP', port: own.port }],
  };
  await put(core, { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' }, slice as unknown as KubeObject, (old) =>
    replaced(old, { endpoints: slice.endpoints, ports: slice.ports }),
  );
}

/** The object with these fields, or undefined when it has them already. */
function replaced(old: KubeObject, fields: Record<string, unknown>): KubeObject | undefined {
  const differs = Object.entries(fields).some(([key, value]) => !contains(old[key], value));
  return differs ? { ...deepCopy(old), ...deepCopy(fields) } : undefined;
}

/** Whether `have` says everything `want` says; defaults may have been added to it. */
function contains(have: unknown, want: unknown): boolean {
  if (Array.isArray(want)) return Array.isArray(have) && have.length === want.length && want.every((one, i) => contains(have[i], one));
  if (want === null || typeof want !== 'object') return have === want;
  return have !== null && typeof have === 'object' && Object.entries(want).every(([key, value]) => contains((have as Record<string, unknown>)[key], value));
}

async function put(core: Core, at: { group: string; version: string; resource: string }, object: KubeObject, change: (old: KubeObject) => KubeObject | undefined): Promise<void> {
  const { namespace = '', name = '' } = object.metadata;
  const call = systemCall(core, at, namespace, name);
  const kv = await read(core, call.resource, namespace, name);
  if (!kv) {
    await createObject(core, call, call.resource.engine.normalize(object).object);
    return;
  }
  if (change(viewOf(call.resource, kv))) await updateObject(core, call, { make: (old) => change(old as KubeObject) ?? deepCopy(old as KubeObject) });
}
