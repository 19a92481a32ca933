import type { ServicePort as ApiPort } from '../../api/generated/types/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import {
  familyOf,
  isUnicast,
  parseIp,
  parsePort,
  type Family,
  type Ip,
  type Port,
} from '../../base/addresses.ts';

/** One endpoint of a service port. */
export interface Backend {
  ip: Ip;
  port: Port;
  /** On this node. */
  local: boolean;
}

/**
 * Told of what an object asks for that cannot be carried out; it is left out, and nothing else is.
 */
export type LeftOut = (what: string) => void;

/**
 * A value from outside in a message: short, and without anything that a terminal or a log would
 * read as its own.
 */
export const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';

/** Where this node is. */
export interface Place {
  nodeName: string;
  /** The node's label topology.kubernetes.io/zone. */
  zone: string | undefined;
  /** Whose endpoints are asked for; of IPv4 when nothing is said. */
  family?: Family;
}

/** Who answers for one service port. */
export interface Endpoints {
  /** Of the whole cluster, as near as their hints ask. */
  backends: Backend[];
  /** Of this node alone. */
  local: Backend[];
  /** Addresses on this node that are ready: one that ends serves, but is no reason to come. */
  readyHere: Ip[];
}

interface Candidate {
  backend: Backend;
  ready: boolean;
  zones: readonly string[];
  nodes: readonly string[];
}

/**
 * Ready endpoints; where none is ready, those that are terminating but still serve (KEP-1669). The
 * cluster's and the node's are chosen apart.
 */
export function endpointsOf(
  port: ApiPort,
  slices: EndpointSlice[],
  place: Place,
  leftOut: LeftOut,
): Endpoints {
  const all = [...candidatesOf(port, slices, place, leftOut).values()];
  const here = all.filter(({ backend }) => backend.local);
  return {
    backends: sorted(nearest(usable(all), place)),
    local: sorted(usable(here)),
    readyHere: [...new Set(here.filter((c) => c.ready).map(({ backend }) => backend.ip))],
  };
}

function usable(candidates: Candidate[]): Candidate[] {
  const ready = candidates.filter((c) => c.ready);
  return ready.length > 0 ? ready : candidates;
}

/**
 * Those whose hints name this node, or its zone; all of them where one has no hint or none is for
 * here (pkg/proxy/topology.go).
 */
function nearest(candidates: Candidate[], { nodeName, zone }: Place): Candidate[] {
  if (!candidates.every((c) => c.ready)) return candidates;
  const only = (hints: 'nodes' | 'zones', here: string | undefined): Candidate[] =>
    here !== undefined && candidates.every((c) => c[hints].length > 0)
      ? candidates.filter((c) => c[hints].includes(here))
      : [];
  const node = only('nodes', nodeName);
  const near = node.length > 0 ? node : only('zones', zone);
  return near.length > 0 ? near : candidates;
}

function candidatesOf(
  port: ApiPort,
  slices: EndpointSlice[],
  { nodeName, family = 4 }: Place,
  leftOut: LeftOut,
): Map<string, Candidate> {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    const match = (slice.ports ?? []).find(
      (p) =>
        (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    const target = parsePort(match?.port);
    if (!target) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ready = isReady(endpoint);
      if (!ready && !isServing(endpoint)) continue;
      const hints = {
        zones: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
        nodes: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
      };
      for (const text of endpoint.addresses ?? []) {
        const ip = parseIp(text);
        const key = `${ip}:${target}`;
        // An endpoint on the node's own loopback would open to everybody what listens for the node
        // alone.
        if (!ip || familyOf(ip) !== family || !isUnicast(ip)) leftOut(`endpoint ${shown(text)}`);
        else if (ready || !found.has(key)) {
          const backend = { ip, port: target, local: endpoint.nodeName === nodeName };
          found.set(key, { backend, ready, ...hints });
        }
      }
    }
  }
  return found;
}

const isReady = (e: Endpoint): boolean => e.conditions?.ready !== false;
const isServing = (e: Endpoint): boolean =>
  e.conditions?.serving !== false && e.conditions?.terminating === true;

function sorted(candidates: Candidate[]): Backend[] {
  return candidates
    .map(({ backend }) => backend)
    .sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}
