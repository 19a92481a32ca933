import type { Endpoints, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { ApiError, badRequest, notFound } from '../../api/status.ts';
import type { DialTarget } from '../../io/dial.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { connectAdmission } from './connect-admission.ts';
import { forward, type Forwarding } from './forward.ts';
import { kubeletTarget, splitProxyName } from './kubelet-target.ts';

/** nodes/x/proxy, pods/x/proxy, services/x/proxy. */
export function addProxies(server: Server): void {
  for (const name of ['nodes', 'pods', 'services']) {
    server.subresources.add('', name, 'proxy', async (s, exchange, resource) => {
      await connectAdmission(s, exchange, resource);
      await serveProxy(s, exchange, resource);
    });
  }
}

async function serveProxy(server: Server, exchange: Exchange, resource: ServedResource): Promise<void> {
  const { info } = exchange;
  if (info.parts.length === 3 && !info.path.endsWith('/') && (info.method === 'GET' || info.method === 'HEAD')) {
    const query = exchange.request.url?.split('?')[1];
    const answer = exchange.answer as import('node:http').ServerResponse;
    answer.writeHead(301, { location: `${info.path}/${query ? `?${query}` : ''}` });
    answer.end();
    return;
  }
  await forward(server, exchange, await proxyTarget(server, exchange, resource));
}

export async function proxyTarget(server: Server, exchange: Exchange, resource: ServedResource): Promise<Forwarding> {
  const { info } = exchange;
  const mark = `/${resource.resource}/${info.path.split(`/${resource.resource}/`)[1]?.split('/')[0] ?? ''}/proxy`;
  const prefix = info.path.slice(0, info.path.indexOf(mark) + mark.length);
  const rest = (exchange.request.url ?? '').slice(prefix.length);
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  const wanted = splitProxyName(info.name);
  const target = resource.resource === 'nodes'
    ? await nodeTarget(server, wanted)
    : resource.resource === 'pods' ? await podTarget(server, info.namespace, wanted) : await serviceTarget(server, info.namespace, wanted);
  return { target, path, prefix };
}

type Wanted = ReturnType<typeof splitProxyName>;

const tlsFor = (scheme: string): DialTarget['tls'] | undefined => (scheme === 'https' ? { insecure: true } : undefined);

async function nodeTarget(server: Server, wanted: Wanted): Promise<DialTarget> {
  const kubelet = await kubeletTarget(server, wanted.name);
  if (!wanted.port || wanted.port === String(kubelet.port)) return kubelet;
  return { host: kubelet.host, port: Number(wanted.port), tls: tlsFor(wanted.scheme) };
}

async function podTarget(server: Server, namespace: string, wanted: Wanted): Promise<DialTarget> {
  const pod = await lookup<Pod>(server.core, `/registry/pods/${namespace}/${wanted.name}`);
  if (!pod) throw notFound({ group: '', resource: 'pods' }, wanted.name);
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const named = wanted.port && !/^\d+$/.test(wanted.port) ? ports.find((port) => port.name === wanted.port)?.containerPort : undefined;
  const port = wanted.port ? (named ?? Number(wanted.port)) : (ports[0]?.containerPort ?? (wanted.scheme === 'https' ? 443 : 80));
  const host = pod.status?.podIP;
  if (!host) throw badRequest(`address not allowed`);
  if (!Number.isInteger(port)) throw badRequest(`invalid port ${JSON.stringify(wanted.port)}`);
  return { host, port, tls: tlsFor(wanted.scheme) };
}

/** Any ready endpoint of the service's port, from its slices or else its Endpoints. */
async function serviceTarget(server: Server, namespace: string, wanted: Wanted): Promise<DialTarget> {
  const service = await lookup<Service>(server.core, `/registry/services/specs/${namespace}/${wanted.name}`);
  if (!service) throw notFound({ group: '', resource: 'services' }, wanted.name);
  const ports = service.spec?.ports ?? [];
  const chosen = wanted.port ? ports.find((port) => String(port.port) === wanted.port || port.name === wanted.port) : ports.length === 1 ? ports[0] : undefined;
  const portName = chosen?.name ?? wanted.port;
  if (service.spec?.type === 'ExternalName') return { host: service.spec.externalName ?? '', port: chosen?.port ?? 80, tls: tlsFor(wanted.scheme) };
  const found = await endpointsOf(server, namespace, wanted.name, portName);
  const spot = found[server.core.random.int(found.length)];
  if (!spot) throw new ApiError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(wanted.port || wanted.scheme ? `${wanted.scheme ? `${wanted.scheme}:` : ''}${wanted.name}${wanted.port ? `:${wanted.port}` : ''}` : wanted.name)}`);
  return { ...spot, tls: tlsFor(wanted.scheme) };
}

export async function endpointsOf(server: Server, namespace: string, name: string, port: string): Promise<{ host: string; port: number }[]> {
  const slices = (await lookupAll<EndpointSlice>(server.core, `/registry/endpointslices/${namespace}/`)).filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
  const out: { host: string; port: number }[] = [];
  for (const slice of slices) {
    for (const one of slice.ports ?? []) {
      if ((one.name ?? '') !== port || !one.port) continue;
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        for (const host of endpoint.addresses) out.push({ host, port: one.port });
      }
    }
  }
  if (out.length) return out;
  const endpoints = await lookup<Endpoints>(server.core, `/registry/services/endpoints/${namespace}/${name}`);
  for (const subset of endpoints?.subsets ?? []) {
    for (const one of subset.ports ?? []) if ((one.name ?? '') === port) for (const address of subset.addresses ?? []) out.push({ host: address.ip, port: one.port });
  }
  return out;
}
