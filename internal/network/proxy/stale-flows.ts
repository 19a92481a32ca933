import type { Ip } from '../../base/addresses.ts';
import type { Backend, HostPort, ServicePort } from './service-ports.ts';

/** What leads packets: services' ports, and ports of this node that are pods'. */
export interface Ways {
  ports: readonly ServicePort[];
  hosts: readonly HostPort[];
}

/**
 * The UDP flows that a change leaves wrong, as words for `conntrack -D -p udp`: a flow would stay
 * with an endpoint that is gone, or with a refusal, for as long as packets keep coming.
 */
export function* staleFlows(before: Ways, now: Ways, nodeIp: Ip | undefined): Generator<string> {
  for (const port of before.ports.filter(isUdp)) {
    const same = now.ports.find((p) => isUdp(p) && p.port === port.port);
    const stays =
      port.backends.length > 0 &&
      answering(port).every((b) => answering(same).some((n) => n.ip === b.ip && n.port === b.port));
    if (!stays) yield* flowsTo(port, port.clusterIps);
  }
  // Before there was a Service the node itself was asked. Addresses of Services were refused, and
  // of what is refused nothing is remembered.
  for (const port of now.ports.filter(isUdp))
    if (!before.ports.some((p) => isUdp(p) && p.port === port.port)) yield* flowsTo(port, []);
  const keyOf = (h: HostPort): string => `${h.hostIp ?? ''} ${h.port} ${h.podIp} ${h.podPort}`;
  const [had, has] = [before, now].map(
    (w) => new Map(w.hosts.filter(isUdp).map((h) => [keyOf(h), h])),
  );
  for (const [key, host] of had ?? [])
    if (!has?.has(key)) yield `--dport ${host.port} --reply-src ${host.podIp}`;
  for (const [key, host] of has ?? []) {
    if (had?.has(key)) continue;
    // Of IPv6 the node's address is not known: all flows to the port start over.
    const ip = host.hostIp ?? nodeIp;
    yield ip ? `--dport ${host.port} --orig-dst ${ip}` : `--dport ${host.port}`;
  }
}

const isUdp = ({ protocol }: { protocol: string }): boolean => protocol === 'udp';

const answering = (port: ServicePort | undefined): Backend[] =>
  port ? [...port.backends, ...port.local] : [];

function* flowsTo(port: ServicePort, clusterIps: readonly Ip[]): Generator<string> {
  for (const ip of [...clusterIps, ...port.externalIps, ...port.loadBalancerIps])
    yield `--orig-dst ${ip} --dport ${port.port}`;
  if (port.nodePort) yield `--dport ${port.nodePort}`;
}
