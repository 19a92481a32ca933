import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { anyEnabled, mayServe } from '../../api/ingress/serving-nodes.ts';
import { own } from '../../base/own.ts';
import { say, type Plan, type Say, type Write } from '../kit/write.ts';
import { isFinished } from '../pod-facts.ts';
import { equalAs } from '../../api/equality.ts';
import { compareIps } from '../service-pods.ts';

/** Our loadBalancerClass, for clusters that run another controller, too. */
const balancerClass = 'skiff/servicelb';
/** k3s' label of nodes and Services that belong together. */
const poolLabel = 'svccontroller.k3s.cattle.io/lbpool';

/** All that the addresses of load balancers depend on. */
export interface BalancerView {
  services: Service[];
  nodes: Node[];
  /** Pods with ports of their node. */
  hostPods: Pod[];
  /** TCP ports of every node that the cluster itself needs. */
  clusterPorts: readonly number[];
  /** Names of nodes with a ready endpoint of a service. */
  nodesWithEndpoints(service: Service): ReadonlySet<string>;
  /** What was said of a service last, by its uid: an event is for news. */
  said: ReadonlyMap<string, string>;
}

interface Verdict {
  service: Service;
  addresses: string[];
  /** Why it has no address, or not that of every node. */
  complaint: string | undefined;
}

type Ingress = NonNullable<NonNullable<Service['status']>['loadBalancer']>['ingress'];

/** Whether a Service is ours to balance; a class that is not ours is somebody else's. */
export function isOurs({ spec }: Service): boolean {
  return (
    spec.type === 'LoadBalancer' &&
    (spec.loadBalancerClass === undefined || spec.loadBalancerClass === balancerClass)
  );
}

/** Statuses and events for all Services at once: they share the ports of the nodes. */
export function planBalancers(view: BalancerView): Plan & { complaints: Map<string, string> } {
  const writes: Write[] = [];
  const events: Say[] = [];
  const complaints = new Map<string, string>();
  for (const { service, addresses, complaint } of verdicts(view)) {
    const uid = service.metadata.uid ?? '';
    if (complaint !== undefined) {
      complaints.set(uid, complaint);
      if (view.said.get(uid) !== complaint)
        events.push(say(service, 'Warning', 'SyncLoadBalancerFailed', complaint));
    }
    const present = service.status?.loadBalancer?.ingress ?? [];
    const wanted = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
    if (equalAs('[]@core.v1.LoadBalancerIngress', present, wanted)) continue;
    const news = `Updated LoadBalancer with new IPs: [${ips(present)}] -> [${ips(wanted)}]`;
    const done = (): Say => say(service, 'Normal', 'UpdatedLoadBalancer', news);
    writes.push({ ...statusOf(service, wanted), done });
  }
  const left = view.services.filter(
    (s) => s.spec.type !== 'LoadBalancer' && (s.status?.loadBalancer?.ingress ?? []).length > 0,
  );
  writes.push(...left.map((service) => statusOf(service, [])));
  return { steps: [...events, { pace: 'together', writes }], complaints };
}

const ips = (ingress: Ingress): string => (ingress ?? []).map((i) => i.ip ?? '').join(' ');

function statusOf(service: Service, ingress: Ingress): Write {
  const body = { status: { loadBalancer: { ingress: ingress?.length ? ingress : null } } };
  const patch = { type: 'merge' as const, body };
  return { verb: 'patch', ref: refs.services, object: service, patch, subresource: 'status' };
}

/** The earlier claim to a port of a node wins: a Service's or a pod's. */
function* verdicts(view: BalancerView): Generator<Verdict> {
  const taken = claimsOfPods(view);
  const any = anyEnabled(view.nodes);
  const services = view.services.filter((s) => isOurs(s) && !s.metadata.deletionTimestamp);
  for (const service of services.sort(byAge)) {
    const chosen = view.nodes.filter((node) => serves(node, service, any));
    const ready = chosen.filter(isReady);
    // Where none is Ready none is better: a restart of the only node moves nothing.
    const nodes = ready.length > 0 ? ready : chosen;
    const local =
      service.spec.externalTrafficPolicy === 'Local' ? view.nodesWithEndpoints(service) : undefined;
    const free: Node[] = [];
    const conflicts = new Map<string, string[]>();
    for (const node of nodes) {
      const ports = (service.spec.ports ?? []).map((p) => `${p.port}/${p.protocol ?? 'TCP'}`);
      const owned = ports.flatMap((port) => ownerOf(view, taken, service, node, port) ?? []);
      const name = node.metadata.name ?? '';
      for (const why of owned) conflicts.set(why, [...(conflicts.get(why) ?? []), name]);
      if (owned.length > 0) continue;
      free.push(node);
      for (const port of ports) {
        const claim = { who: `Service ${keyOf(service)}`, age: ageOf(service) };
        taken.set(`${name} ${port}`, [...(taken.get(`${name} ${port}`) ?? []), claim]);
      }
    }
    const answering = free.filter((node) => !local || local.has(node.metadata.name ?? ''));
    yield {
      service,
      addresses: addressesOf(answering, service),
      complaint: complaintOf({ nodes, conflicts, answering, local: local !== undefined }),
    };
  }
}

function complaintOf(found: {
  nodes: Node[];
  conflicts: Map<string, string[]>;
  answering: Node[];
  local: boolean;
}): string | undefined {
  const { nodes, conflicts, answering, local } = found;
  if (nodes.length === 0) return 'no node may balance this Service: their labels choose others';
  if (conflicts.size > 0)
    return [...conflicts]
      .map(([why, names]) => {
        const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
        return `${why} on ${names.slice(0, 3).join(', ')}${more}`;
      })
      .join('; ');
  if (answering.length === 0 && local)
    return 'externalTrafficPolicy is Local, and no node has a ready endpoint';
  return undefined;
}

interface Claim {
  who: string;
  age: string;
}

const keyOf = ({ metadata }: Service | Pod): string => `${metadata.namespace}/${metadata.name}`;
const ageOf = ({ metadata }: Service | Pod): string =>
  `${metadata.creationTimestamp ?? ''} ${keyOf({ metadata } as Service)}`;
const byAge = (a: Service, b: Service): number => (ageOf(a) < ageOf(b) ? -1 : 1);

function claimsOfPods({ hostPods }: BalancerView): Map<string, Claim[]> {
  const taken = new Map<string, Claim[]>();
  for (const pod of hostPods) {
    if (isFinished(pod) || !pod.spec.nodeName) continue;
    const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
    for (const port of [...pod.spec.containers, ...sidecars].flatMap((c) => c.ports ?? [])) {
      if (!port.hostPort || port.hostIP?.startsWith('127.')) continue;
      const key = `${pod.spec.nodeName} ${port.hostPort}/${port.protocol ?? 'TCP'}`;
      const claim = { who: `Pod ${keyOf(pod)}`, age: ageOf(pod) };
      taken.set(key, [...(taken.get(key) ?? []), claim]);
    }
  }
  return taken;
}

/** The owner of a port of a node, for messages. */
function ownerOf(
  { clusterPorts }: BalancerView,
  taken: Map<string, Claim[]>,
  service: Service,
  node: Node,
  port: string,
): string | undefined {
  if (clusterPorts.some((one) => `${one}/TCP` === port)) return `port ${port} is the cluster's own`;
  const owner = (taken.get(`${node.metadata.name} ${port}`) ?? []).find(
    (claim) => claim.age < ageOf(service),
  );
  return owner && `port ${port} belongs to ${owner.who}`;
}

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** Chosen by labels as k3s chooses. */
function serves(node: Node, service: Service, any: boolean): boolean {
  if (!mayServe(node, any)) return false;
  const pool = own(service.metadata.labels, poolLabel);
  return !any || pool === undefined || own(node.metadata.labels, poolLabel) === pool;
}

/** External addresses when any node has one, else internal ones, of the Service's families. */
function addressesOf(nodes: Node[], service: Service): string[] {
  const all = nodes.flatMap((node) => node.status?.addresses ?? []);
  const families = service.spec.ipFamilies ?? ['IPv4'];
  const of = (type: string): string[] =>
    all
      .filter((a) => a.type === type)
      .map((a) => a.address)
      .filter((ip) => families.includes(ip.includes(':') ? 'IPv6' : 'IPv4'));
  const external = of('ExternalIP');
  return [...new Set(external.length > 0 ? external : of('InternalIP'))].sort(compareIps);
}
