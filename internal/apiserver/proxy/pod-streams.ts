import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { ApiError, badRequest, notFound } from '../../api/status.ts';
import { lookup } from '../admission/lookup.ts';
import type { Exchange } from '../http/exchange.ts';
import { first, flag, type Query } from '../http/request-info.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import type { Connections } from './connections.ts';
import { connectAdmission } from './connect-admission.ts';
import { checkLogOptions } from './log-options.ts';
import { hostOf, pump, unreachable, type Forwarding } from './forward.ts';
import { kubeletTarget } from './kubelet-target.ts';
import { kubeletError } from './read-answer.ts';

/** log, exec, attach, portforward: the node's kubelet has the pod, so the request goes on to it. */
export function addNodeStreams(connections: Connections): void {
  for (const name of ['log', 'exec', 'attach', 'portforward']) {
    connections.add('', 'pods', name, async (s, exchange, resource) => {
      const to = await streamTarget(s, exchange, resource);
      if (name !== 'log') throw badRequest('Upgrade request required');
      if (to) return serveLog(s, exchange, to);
      (exchange.answer as ServerResponse).writeHead(204).end();
    });
  }
}

/**
 * A log as it comes. Of the kubelet's answer only the bytes count: a node does not choose what a
 * browser makes of them.
 */
async function serveLog(server: Server, exchange: Exchange, to: Forwarding): Promise<void> {
  const left = new AbortController();
  exchange.answer.on('close', () => left.abort());
  const message = await openLog(server, exchange, to, left.signal);
  (exchange.answer as ServerResponse).writeHead(200, {
    'audit-id': exchange.auditId,
    'cache-control': 'no-cache, private',
    'content-type': 'text/plain',
    'x-content-type-options': 'nosniff',
  });
  await pump(message, exchange);
}

/**
 * The kubelet is asked in this server's own name, without a word of the client's. Throws the Status
 * for what the kubelet refuses.
 */
export async function openLog(
  server: Server,
  exchange: Exchange,
  to: Forwarding,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const done = await server.options.dial
    .request('proxy.log', to.target, {
      method: 'GET',
      path: to.path,
      headers: { host: hostOf(to.target) },
      signal,
    })
    .catch((error: unknown) => {
      throw unreachable(error);
    });
  if (done.kind === 'upgrade') {
    done.socket.destroy();
    throw new ApiError('ServiceUnavailable', 'the target switched protocols without being asked');
  }
  const { message } = done;
  const { statusCode = 0 } = message;
  if (statusCode < 200 || statusCode > 206)
    throw await kubeletError(message, 'log', exchange.info.name);
  return message;
}

/** Where a stream request goes: the kubelet's own paths and parameter names. */
export async function streamTarget(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<Forwarding | undefined> {
  const { info } = exchange;
  if (info.subresource === 'log') checkLogOptions(info.name, info.query);
  const pod = await lookup<Pod>(server.core, registryKey(refs.pods, info.namespace, info.name));
  if (!pod) throw notFound({ group: '', resource: 'pods' }, info.name);
  const { subresource, query } = info;
  if (subresource === 'log') return logTarget(server, pod, query);
  if (subresource === 'exec' || subresource === 'attach' || subresource === 'portforward')
    await connectAdmission(server, exchange, resource);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed')
    throw badRequest(
      `cannot exec into a container in a completed pod; current phase is ${pod.status.phase}`,
    );
  const node = pod.spec.nodeName;
  if (subresource === 'portforward') {
    if (!node) throw badRequest(`pod ${info.name} does not have a host assigned`);
    const ports = query.get('ports');
    const tail = ports
      ? `?${ports.map((port) => `port=${encodeURIComponent(port)}`).join('&')}`
      : '';
    return {
      target: await kubeletTarget(server, node),
      path: `/portForward/${info.namespace}/${info.name}${tail}`,
    };
  }
  const container = containerOf(pod, first(query, 'container'), true);
  if (!node) throw badRequest(`pod ${info.name} does not have a host assigned`);
  return {
    target: await kubeletTarget(server, node),
    path:
      `/${subresource}/${info.namespace}/${info.name}/${container}` +
      `?${streamParameters(query, subresource)}`,
  };
}

export function streamParameters(query: Query, subresource: string): string {
  const out: string[] = [];
  for (const [from, to] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const)
    if (flag(query, from)) out.push(`${to}=1`);
  if (subresource === 'exec')
    for (const part of query.get('command') ?? []) out.push(`command=${encodeURIComponent(part)}`);
  return out.join('&');
}

const logParameters = [
  'follow',
  'previous',
  'timestamps',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
];

async function logTarget(server: Server, pod: Pod, query: Query): Promise<Forwarding | undefined> {
  const container = containerOf(pod, first(query, 'container'), false);
  const node = pod.spec.nodeName;
  // A pod without a node has written nothing yet.
  if (!node) return undefined;
  const parameters = logParameters.flatMap((name) => {
    const value = first(query, name);
    return value === undefined || value === 'false' ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
  const tail = parameters.length ? `?${parameters.join('&')}` : '';
  return {
    target: await kubeletTarget(server, node),
    path: `/containerLogs/${pod.metadata.namespace}/${pod.metadata.name}/${container}${tail}`,
  };
}

/** The named container, or the only one, or the one an annotation calls the default. */
function containerOf(pod: Pod, named: string | undefined, executing: boolean): string {
  const all = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []),
    ...(pod.spec.ephemeralContainers ?? []),
  ].map((one) => one.name);
  const { name } = pod.metadata;
  if (named) {
    if (!all.includes(named)) throw badRequest(`container ${named} is not valid for pod ${name}`);
    return named;
  }
  const [only] = pod.spec.containers;
  if (pod.spec.containers.length === 1 && only) return only.name;
  const chosen = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (executing && chosen && all.includes(chosen)) return chosen;
  const listed = pod.spec.containers.map((one) => one.name);
  const init = (pod.spec.initContainers ?? []).map((one) => one.name);
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: ` +
      `[${listed.join(' ')}` +
      `]${init.length ? ` or one of the init containers: [${init.join(' ')}]` : ''}`,
  );
}
