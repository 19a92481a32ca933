import { createHash } from 'node:crypto';
import type { Backend, HostPort, ServicePort } from './service-ports.ts';

/** Elements of the maps and sets of the table, as nft text. A set's elements have an empty value. */
export interface Plan {
  elements: Record<Collection, Map<string, string>>;
  /** Dispatch chains in use: `n3`, `m3`, `p3`, `q3`, and their affinity forms `na`, `ma`, `pa`, `qa`. */
  chains: Set<string>;
}

export type Collection = 'eps' | 'npeps' | 'svc' | 'np' | 'hp' | 'hpany' | 'hairpin' | 'noep' | 'nonp' | 'drops' | 'dropnp' | 'ranged' | 'allowed';

/** Slots of the affinity hash: enough that 10 endpoints differ by less than a tenth in their share. */
export const affinitySlots = 64;

const collections: Collection[] = ['eps', 'npeps', 'svc', 'np', 'hp', 'hpany', 'hairpin', 'noep', 'nonp', 'drops', 'dropnp', 'ranged', 'allowed'];

export function emptyPlan(): Plan {
  const elements = Object.fromEntries(collections.map((c) => [c, new Map()])) as Plan['elements'];
  return { elements, chains: new Set() };
}

/** What the kernel must hold for these services and host ports. Pure; the first of two claims to one address and port wins. */
export function makePlan(ports: ServicePort[], hosts: HostPort[]): Plan {
  const plan = emptyPlan();
  for (const port of ports) {
    const local = port.backends.filter((b) => b.local);
    const inside = port.internalLocal ? local : port.backends;
    for (const ip of port.clusterIps) address(plan, port, ip, { backends: inside, masquerade: false, any: port.backends.length > 0 });
    const outside = port.externalLocal ? local : port.backends;
    const use = { backends: outside, masquerade: !port.externalLocal, any: port.backends.length > 0 };
    for (const ip of [...port.externalIps, ...port.loadBalancerIps]) address(plan, port, ip, use);
    for (const ip of port.loadBalancerIps) ranges(plan, port, ip);
    if (port.nodePort) nodePort(plan, port, use);
    for (const b of local) plan.elements.hairpin.set(`${b.ip} . ${b.ip}`, '');
  }
  for (const host of hosts) hostPort(plan, host);
  return plan;
}

interface Use {
  backends: Backend[];
  masquerade: boolean;
  /** Some endpoint exists, though perhaps not on this node: then packets are dropped rather than refused. */
  any: boolean;
}

function address(plan: Plan, port: ServicePort, ip: string, use: Use): void {
  const key = `${ip} . ${port.protocol} . ${port.port}`;
  if (plan.elements.svc.has(key)) return;
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'drops' : 'noep'].set(key, '');
    return;
  }
  const chain = use.masquerade ? 'm' : 'n';
  plan.elements.svc.set(key, `goto ${endpoints(plan, 'eps', key, chain, port, use.backends)}`);
}

function nodePort(plan: Plan, port: ServicePort, use: Use): void {
  const key = `${port.protocol} . ${port.nodePort}`;
  if (plan.elements.np.has(key)) return;
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'dropnp' : 'nonp'].set(key, '');
    return;
  }
  const chain = use.masquerade ? 'p' : 'q';
  plan.elements.np.set(key, `goto ${endpoints(plan, 'npeps', key, chain, port, use.backends)}`);
}

/** Fills the slots of one key and names the chain that draws from as many slots. */
function endpoints(plan: Plan, map: 'eps' | 'npeps', key: string, chain: string, port: ServicePort, backends: Backend[]): string {
  const slots = port.affinity ? affinityTable(backends) : backends;
  slots.forEach((b, slot) => plan.elements[map].set(`${key} . ${slot}`, `${b.ip} . ${b.port}`));
  const name = port.affinity ? `${chain}a` : `${chain}${backends.length}`;
  plan.chains.add(name);
  return name;
}

/** Rendezvous hashing: each slot goes to the endpoint with the highest score for it. */
export function affinityTable(backends: Backend[]): Backend[] {
  return Array.from({ length: affinitySlots }, (_, slot) => {
    let best = backends[0] as Backend;
    let bestScore = -1;
    for (const b of backends) {
      const score = createHash('md5').update(`${slot}/${b.ip}:${b.port}`).digest().readUInt32BE(0);
      if (score > bestScore) [best, bestScore] = [b, score];
    }
    return best;
  });
}

function ranges(plan: Plan, port: ServicePort, ip: string): void {
  if (port.sourceRanges.length === 0) return;
  const key = `${ip} . ${port.protocol} . ${port.port}`;
  plan.elements.ranged.set(key, '');
  for (const range of port.sourceRanges) plan.elements.allowed.set(`${key} . ${range}`, '');
}

function hostPort(plan: Plan, host: HostPort): void {
  const value = `${host.podIp} . ${host.podPort}`;
  const [map, key] = host.hostIp ? (['hp', `${host.hostIp} . ${host.protocol} . ${host.port}`] as const) : (['hpany', `${host.protocol} . ${host.port}`] as const);
  if (!plan.elements[map].has(key)) plan.elements[map].set(key, value);
  plan.elements.hairpin.set(`${host.podIp} . ${host.podIp}`, '');
}
