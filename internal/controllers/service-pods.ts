import { equalAs, stringMap } from '../api/equality.ts';
import { own } from '../base/own.ts';
import type { Pod, Service, ServicePort } from '../api/generated/types/core-v1.ts';
import { keyOf } from '../api/object.ts';
import type { Change, Mirror } from '../client/client.ts';
import { isFinished, isReady } from './pod-facts.ts';

/** What Endpoints and EndpointSlices have in common. */

/** Finished pods and pods without an address serve nobody. */
export function servesTraffic(pod: Pod, includeTerminating: boolean): boolean {
  if (isFinished(pod) || !(pod.status?.podIP || pod.status?.podIPs?.length)) return false;
  return includeTerminating || !pod.metadata.deletionTimestamp;
}

export function hasServiceHostname(pod: Pod, service: Service): boolean {
  return (
    Boolean(pod.spec.hostname) &&
    pod.spec.subdomain === service.metadata.name &&
    pod.metadata.namespace === service.metadata.namespace
  );
}

/** The container port a service port leads to; undefined when the pod has none of that name. */
export function findPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort as number | string | undefined;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  if (target === undefined || target === '') return port.port;
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    const found = (container.ports ?? []).find(
      (p) => p.name === target && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (found) return found.containerPort;
  }
  return undefined;
}

export function addressesOf(pod: Pod): string[] {
  const ips = (pod.status?.podIPs ?? []).map((p) => p.ip ?? '').filter(Boolean);
  return ips.length > 0 ? ips : pod.status?.podIP ? [pod.status.podIP] : [];
}

export function isHeadless(service: Service): boolean {
  return !service.spec.clusterIP || service.spec.clusterIP === 'None';
}

export function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec;
  if (!selector || service.spec.type === 'ExternalName') return false;
  for (const key in selector) if (own(pod.metadata.labels, key) !== selector[key]) return false;
  return true;
}

/** Calls `affected` with the keys of all services that a change of a pod may concern. */
export function onPodChange(
  { type, object: pod, old }: Change<Pod>,
  services: Mirror<Service>,
  affected: (key: string) => void,
): void {
  if (type === 'MODIFIED' && old && !matters(old, pod)) return;
  for (const service of services.list(pod.metadata.namespace)) {
    if (selects(service, pod) || (old && selects(service, old))) affected(keyOf(service));
  }
}

function matters(old: Pod, now: Pod): boolean {
  return (
    isReady(old) !== isReady(now) ||
    isFinished(old) !== isFinished(now) ||
    Boolean(old.metadata.deletionTimestamp) !== Boolean(now.metadata.deletionTimestamp) ||
    old.spec.nodeName !== now.spec.nodeName ||
    !equalAs('[]string', addressesOf(old), addressesOf(now)) ||
    !equalAs(stringMap, old.metadata.labels, now.metadata.labels)
  );
}

/** The order of addresses in Endpoints: by number, not by text. */
export function compareIps(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  if (left.length === 4 && right.length === 4) {
    for (let i = 0; i < 4; i += 1)
      if (left[i] !== right[i]) return Number(left[i]) - Number(right[i]);
    return 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
