import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import { parseLabelSelector } from '../../api/selectors.ts';
import { notFound } from '../../api/status.ts';
import { timeOf } from '../../api/times.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import type { LocalApi } from '../aggregation/local-api.ts';
import { send, type Exchange } from '../http/exchange.ts';
import { kubeletTarget } from '../proxy/kubelet-target.ts';
import { methodNotAllowed } from '../registry/no-route.ts';
import type { DiscoveredResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { NodeSamples, type Pair } from './node-samples.ts';
import { useBetween, type Use } from './node-usage.ts';

const group = 'metrics.k8s.io';
const version = 'v1beta1';

const served = (resource: string, kind: string, namespaced: boolean): DiscoveredResource => ({
  group,
  version,
  resource,
  singular: '',
  kind,
  namespaced,
  verbs: ['get', 'list'],
  shortNames: [],
  categories: [],
  subresources: new Map(),
});

/** metrics.k8s.io as metrics-server answers it, by asking the nodes when somebody asks. */
export function metricsApi(): LocalApi {
  const samples = new WeakMap<Server, NodeSamples>();
  const samplesOf = (server: Server): NodeSamples => {
    let found = samples.get(server);
    if (!found)
      samples.set(server, (found = new NodeSamples(server, (n) => kubeletTarget(server, n))));
    return found;
  };
  return {
    group,
    version,
    resources: [served('nodes', 'NodeMetrics', false), served('pods', 'PodMetrics', true)],
    async handle(server, exchange) {
      const { verb, resource } = exchange.info;
      if (verb !== 'get' && verb !== 'list') throw methodNotAllowed();
      if (resource === 'nodes') return await serveNodes(server, samplesOf(server), exchange);
      if (resource === 'pods') return await servePods(server, samplesOf(server), exchange);
      throw notFound({ group, resource }, exchange.info.name);
    },
  };
}

async function serveNodes(server: Server, samples: NodeSamples, exchange: Exchange): Promise<void> {
  const { name } = exchange.info;
  const missing = notFound({ group, resource: 'nodemetrics' }, name);
  if (name) {
    const node = await lookup<Node>(server.core, registryKey(refs.nodes, '', name));
    const pair = node && (await samples.of(name));
    const use = pair && useBetween(pair.before.node, pair.now.node);
    if (!use) throw missing;
    return answer(exchange, nodeMetrics(node, use));
  }
  const all = await lookupAll<Node>(server.core, registryPrefix(refs.nodes));
  samples.keep(new Set(all.map((n) => n.metadata.name ?? '')));
  const items = await Promise.all(
    all.filter(selected(exchange)).map(async (node) => {
      const pair = await samples.of(node.metadata.name ?? '');
      const use = pair && useBetween(pair.before.node, pair.now.node);
      return use ? [nodeMetrics(node, use)] : [];
    }),
  );
  answer(exchange, list('NodeMetricsList', items.flat()));
}

async function servePods(server: Server, samples: NodeSamples, exchange: Exchange): Promise<void> {
  const { name, namespace } = exchange.info;
  if (name) {
    const pod = await lookup<Pod>(server.core, registryKey(refs.pods, namespace, name));
    const pair = pod && (await samples.of(pod.spec.nodeName ?? ''));
    const metrics = pair && podMetrics(pod, pair);
    if (!metrics) throw notFound({ group, resource: 'podmetrics' }, `${namespace}/${name}`);
    return answer(exchange, metrics);
  }
  const prefix = registryPrefix(refs.pods) + (namespace ? `${namespace}/` : '');
  const pods = (await lookupAll<Pod>(server.core, prefix)).filter(selected(exchange));
  const items = await Promise.all(
    pods.map(async (pod) => {
      if (pod.status?.phase !== 'Running' || !pod.spec.nodeName) return [];
      const pair = await samples.of(pod.spec.nodeName);
      return (pair && podMetrics(pod, pair)) ?? [];
    }),
  );
  answer(exchange, list('PodMetricsList', items.flat()));
}

/** By labels, and by the one field that metrics-server knows besides: the name. */
function selected(exchange: Exchange): (object: Node | Pod) => boolean {
  const { query } = exchange.info;
  const labels = parseLabelSelector(query.get('labelSelector')?.[0] ?? '');
  const field = /^metadata\.name==?(.+)$/.exec(query.get('fieldSelector')?.[0] ?? '')?.[1];
  return ({ metadata }) =>
    labels.matches(metadata.labels) && (field === undefined || metadata.name === field);
}

const list = (kind: string, items: object[]): object => ({
  kind,
  apiVersion: `${group}/${version}`,
  metadata: {},
  items,
});

const header = (kind: string, { metadata }: Node | Pod, use: Use): object => ({
  kind,
  apiVersion: `${group}/${version}`,
  metadata: {
    name: metadata.name,
    ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
    creationTimestamp: timeOf(use.atMs),
    ...(metadata.labels ? { labels: metadata.labels } : {}),
  },
  timestamp: timeOf(use.atMs),
  window: goDuration(use.windowMs),
});

const amounts = ({ cpuNanoCores, memoryBytes }: Use): object => ({
  cpu: `${cpuNanoCores}n`,
  memory: `${Math.round(memoryBytes / 1024)}Ki`,
});

const nodeMetrics = (node: Node, use: Use): object => ({
  ...header('NodeMetrics', node, use),
  usage: amounts(use),
});

/** Undefined when a container is not known twice: half of a pod's use would mislead. */
function podMetrics(pod: Pod, { before, now }: Pair): object | undefined {
  const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const counters = now.pods.get(key);
  if (!counters || counters.size === 0) return undefined;
  const containers: { name: string; use: Use }[] = [];
  for (const [name, counter] of counters) {
    const use = useBetween(before.pods.get(key)?.get(name), counter);
    if (!use) return undefined;
    containers.push({ name, use });
  }
  const earliest = containers.reduce((a, b) => (b.use.atMs < a.use.atMs ? b : a));
  return {
    ...header('PodMetrics', pod, earliest.use),
    containers: containers.map(({ name, use }) => ({ name, usage: amounts(use) })),
  };
}

/** `15.2s`, `1m30s`, as Go writes durations. */
function goDuration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms - minutes * 60_000) / 1000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

function answer(exchange: Exchange, value: object): void {
  send(exchange, 200, 'application/json', `${JSON.stringify(value)}\n`);
}
