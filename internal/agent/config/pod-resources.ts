import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { quantityOf, zeroQuantity, type Quantity } from '../../api/quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/**
 * The quality of service class that the API server wrote at creation, or the one the resources say.
 */
export function qosOf(pod: Pod): QosClass {
  const written = pod.status?.qosClass;
  if (written === 'Guaranteed' || written === 'Burstable' || written === 'BestEffort')
    return written;
  const holders =
    pod.spec.resources && hasAny(pod.spec.resources)
      ? [{ resources: pod.spec.resources }]
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  if (holders.every((c) => !hasAny(c.resources))) return 'BestEffort';
  const fixed = holders.every((c) =>
    ['cpu', 'memory'].every((name) => {
      const limit = amount(c, 'limits', name);
      const asked =
        c.resources?.requests?.[name] === undefined ? limit : amount(c, 'requests', name);
      return !limit.isZero() && limit.equals(asked);
    }),
  );
  return fixed ? 'Guaranteed' : 'Burstable';
}

function hasAny(resources: Container['resources'] | undefined): boolean {
  return ['cpu', 'memory'].some(
    (name) =>
      !quantityOf(resources?.requests?.[name]).isZero() ||
      !quantityOf(resources?.limits?.[name]).isZero(),
  );
}

function amount(
  holder: Pick<Container, 'resources'>,
  list: 'requests' | 'limits',
  name: string,
): Quantity {
  return quantityOf(holder.resources?.[list]?.[name]);
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * What a pod needs of one resource at its worst moment, without overhead: all containers and
 * sidecars together, or one init container beside the sidecars started before it. Undefined when
 * nobody names the resource.
 */
export function podTotal(
  pod: Pod,
  list: 'requests' | 'limits',
  name: string,
): Quantity | undefined {
  const ofPod = pod.spec.resources?.[list]?.[name];
  if (ofPod !== undefined) return quantityOf(ofPod);
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  if (all.every((c) => c.resources?.[list]?.[name] === undefined)) return undefined;
  let running = zeroQuantity;
  for (const container of pod.spec.containers) running = running.add(amount(container, list, name));
  let sidecars = zeroQuantity;
  let starting = zeroQuantity;
  for (const container of pod.spec.initContainers ?? []) {
    const own = amount(container, list, name);
    if (isSidecar(container)) sidecars = sidecars.add(own);
    const now = isSidecar(container) ? sidecars : sidecars.add(own);
    if (now.cmp(starting) > 0) starting = now;
  }
  const steady = running.add(sidecars);
  return steady.cmp(starting) > 0 ? steady : starting;
}
