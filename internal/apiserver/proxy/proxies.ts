import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { Pod, Service } from '../../api/generated/types/core-v1.ts';
import { ApiError, badRequest, notFound } from '../../api/status.ts';
import type { DialTarget } from '../../io/dial.ts';
import { lookup } from '../admission/lookup.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import type { Connections } from './connections.ts';
import { connectAdmission } from './connect-admission.ts';
import { forward, type Forwarding } from './forward.ts';
import { kubeletTarget } from './kubelet-target.ts';
import { podWay } from './pod-way.ts';
import { splitProxyName, type ProxyName } from './proxy-name.ts';
import { isProxyable } from './reachable.ts';
import { endpointsOf, type Spot } from './service-endpoints.ts';

/** nodes/x/proxy, pods/x/proxy, services/x/proxy. */
export function addProxies(connections: Connections): void {
  for (const name of ['nodes', 'pods', 'services']) {
    connections.add('', name, 'proxy', async (s, exchange, resource) => {
      await connectAdmission(s, exchange, resource);
      await serveProxy(s, exchange, resource);
    });
  }
}

async function serveProxy(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<void> {
  const { info } = exchange;
  const to = await proxyTarget(server, exchange, resource);
  // Relative links count from the last slash.
  if (
    info.parts.length === 3 &&
    !info.path.endsWith('/') &&
    (info.method === 'GET' || info.method === 'HEAD')
  ) {
    const query = exchange.request.url?.split('?')[1];
    const answer = exchange.answer as import('node:http').ServerResponse;
    answer.writeHead(301, { location: `${info.path}/${query ? `?${query}` : ''}` });
    answer.end();
    return;
  }
  await forward(server, exchange, to);
}

export async function proxyTarget(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<Forwarding> {
  const { info } = exchange;
  const { prefix, path } = splitProxyPath(exchange.request.url ?? '', info.parts.length);
  const wanted = splitProxyName(resource.resource, info.name);
  const target =
    resource.resource === 'nodes'
      ? await nodeTarget(server, wanted)
      : resource.resource === 'pods'
        ? await podTarget(server, info.namespace, wanted)
        : await serviceTarget(server, info.namespace, wanted, info.name);
  return { target, path, prefix };
}

/**
 * Where the target's own path begins. It is told by its place, `parts` counting from the resource
 * on: namespaces and pods may be called `proxy` or `pods`.
 */
function splitProxyPath(url: string, parts: number): { prefix: string; path: string } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const segments = path.split('/');
  const resourceAt = segments.length - (segments.at(-1) === '' ? 1 : 0) - parts;
  const prefix = segments.slice(0, resourceAt + 3).join('/');
  const rest = url.slice(prefix.length);
  return { prefix, path: rest.startsWith('/') ? rest : `/${rest}` };
}

const tlsFor = (scheme: string): DialTarget['tls'] | undefined =>
  scheme === 'https' ? { insecure: true } : undefined;

async function nodeTarget(server: Server, wanted: ProxyName): Promise<DialTarget> {
  const kubelet = await kubeletTarget(server, wanted.name);
  if (!wanted.port || wanted.port === String(kubelet.port)) return kubelet;
  const [host, port] = [kubelet.host, portOf(wanted.port)];
  return {
    host,
    port,
    tls: tlsFor(wanted.scheme),
    mayReach: isProxyable,
    ...(await podWay(server, { host, port, node: wanted.name })),
  };
}

async function podTarget(
  server: Server,
  namespace: string,
  wanted: ProxyName,
): Promise<DialTarget> {
  const pod = await lookup<Pod>(server.core, registryKey(refs.pods, namespace, wanted.name));
  if (!pod) throw notFound({ group: '', resource: 'pods' }, wanted.name);
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const named = wanted.port
    ? ports.find((port) => port.name === wanted.port)?.containerPort
    : undefined;
  const port = wanted.port
    ? (named ?? portOf(wanted.port))
    : (ports[0]?.containerPort ?? (wanted.scheme === 'https' ? 443 : 80));
  const [host = ''] = podAddresses(pod);
  // The right to write a pod's status must not open the server's own loopback.
  if (!isProxyable(host)) throw badRequest('address not allowed');
  return {
    host,
    port,
    tls: tlsFor(wanted.scheme),
    mayReach: isProxyable,
    ...(await podWay(server, { host, port, node: pod.spec.nodeName })),
  };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

/**
 * A ready pod of the namespace that stands behind the service's port. An externalName and addresses
 * that belong to no pod are not gone to.
 */
async function serviceTarget(
  server: Server,
  namespace: string,
  wanted: ProxyName,
  asked: string,
): Promise<DialTarget> {
  const service = await lookup<Service>(
    server.core,
    registryKey(refs.services, namespace, wanted.name),
  );
  if (!service) throw notFound({ group: '', resource: 'services' }, wanted.name);
  const ports = service.spec?.ports ?? [];
  let portName = wanted.port;
  if (/^[+-]?\d+$/.test(wanted.port)) {
    const numbered = ports.find((port) => port.port === Number(wanted.port));
    if (!numbered)
      throw new ApiError(
        'ServiceUnavailable',
        `no service port ${Number(wanted.port)} found for service ${JSON.stringify(wanted.name)}`,
      );
    portName = numbered.name ?? '';
  } else if (!wanted.port && ports.length === 1) portName = ports[0]?.name ?? '';
  const spots: Spot[] = [];
  for (const spot of await endpointsOf(server, namespace, wanted.name, portName))
    if (await standsFor(server, namespace, spot)) spots.push(spot);
  const spot = spots[server.core.random.int(spots.length)];
  if (!spot)
    throw new ApiError(
      'ServiceUnavailable',
      `no endpoints available for service ${JSON.stringify(asked)}`,
    );
  return {
    host: spot.host,
    port: spot.port,
    tls: tlsFor(wanted.scheme),
    mayReach: isProxyable,
    ...(await podWay(server, spot)),
  };
}

/**
 * Whether an endpoint is the address of a pod of this namespace (kube-apiserver's isValidAddress).
 */
async function standsFor(server: Server, namespace: string, spot: Spot): Promise<boolean> {
  const { pod: ref, host } = spot;
  if (!ref || ref.namespace !== namespace || !ref.name || !isProxyable(host)) return false;
  const pod = await lookup<Pod>(server.core, registryKey(refs.pods, namespace, ref.name));
  return pod !== undefined && podAddresses(pod).includes(host);
}

function podAddresses(pod: Pod): string[] {
  const all = (pod.status?.podIPs ?? []).map((one) => one.ip);
  return all.length ? all : [pod.status?.podIP ?? ''].filter(Boolean);
}
