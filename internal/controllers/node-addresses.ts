import type { Node } from '../api/generated/types/core-v1.ts';
import { servingNodes } from '../api/ingress/serving-nodes.ts';
import { compareIps } from './service-pods.ts';

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** A cluster of both families gives its nodes pod networks of both. */
const serves6 = ({ spec }: Node): boolean =>
  spec?.podCIDRs?.some((cidr) => cidr.includes(':')) ?? false;

/**
 * External addresses of nodes that serve and are Ready when any has one, else internal ones; of
 * each family, those of IPv4 first.
 */
export function servedAddresses(nodes: readonly Node[]): string[] {
  const serving = servingNodes(nodes);
  const ready = serving.filter(isReady);
  // Where none is Ready none is better: a restart of the only node moves nothing.
  const chosen = ready.length > 0 ? ready : serving;
  return [false, true].flatMap((is6) => {
    const all = (is6 ? chosen.filter(serves6) : chosen).flatMap(
      ({ status }) => status?.addresses ?? [],
    );
    const of = (type: string): string[] =>
      all.filter((a) => a.type === type && a.address.includes(':') === is6).map((a) => a.address);
    const external = of('ExternalIP');
    return [...new Set(external.length > 0 ? external : of('InternalIP'))].sort(compareIps);
  });
}

/** What of a node `servedAddresses` depends on, and what makes it unable to serve. */
export const servingFacts = (node: Node | undefined): unknown => [
  node?.metadata.labels,
  node?.metadata.deletionTimestamp,
  node?.status?.addresses,
  node?.spec?.podCIDRs,
  node?.status?.conditions
    ?.filter(({ type }) => type === 'Ready' || type === 'IngressDown')
    .map(({ type, status }) => [type, status]),
];
