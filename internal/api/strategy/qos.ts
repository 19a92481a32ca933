import type { Pod, ResourceRequirements } from '../generated/types/core-v1.ts';
import { parseQuantity, zeroQuantity } from '../quantity.ts';
import type { Quantity } from '../quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/**
 * How a pod is treated when its node is short of something (component-helpers qos.ComputePodQOS).
 */
export function podQosClass(pod: Pod): QosClass {
  const given = pod.status?.qosClass;
  return given === 'Guaranteed' || given === 'Burstable' || given === 'BestEffort'
    ? given
    : computeQosClass(pod);
}

export function computeQosClass(pod: Pod): QosClass {
  const requests = new Map<string, Quantity>();
  const limits = new Map<string, Quantity>();
  const holders: (ResourceRequirements | undefined)[] = pod.spec?.resources
    ? [pod.spec.resources]
    : [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(
        (container) => container.resources,
      );
  let guaranteed = true;
  for (const resources of holders) {
    addTo(requests, resources?.requests);
    const limited = addTo(limits, resources?.limits);
    if (
      limited < counted.length &&
      (!pod.spec?.resources || Object.keys(resources?.limits ?? {}).length > 0)
    )
      guaranteed = false;
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal =
    requests.size === limits.size &&
    [...requests].every(([name, request]) => limits.get(name)?.equals(request) ?? false);
  return guaranteed && equal ? 'Guaranteed' : 'Burstable';
}

/** Adds what is more than nothing, and says how many of the counted resources that was. */
function addTo(sums: Map<string, Quantity>, list: Record<string, string> | undefined): number {
  let found = 0;
  for (const name of counted) {
    const text = list?.[name];
    if (text === undefined) continue;
    const quantity = parseQuantity(text);
    if (quantity.sign() <= 0) continue;
    found++;
    sums.set(name, (sums.get(name) ?? zeroQuantity).add(quantity));
  }
  return found;
}
