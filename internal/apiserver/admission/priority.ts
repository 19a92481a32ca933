import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { PriorityClass } from '../../api/generated/types/scheduling-v1.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup, lookupAll } from './lookup.ts';
import { refusal } from './refusal.ts';

/** Fills in a pod's priority from its class, or the default class (plugin Priority). */
export function priority(core: Core): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: ({ call, operation }) =>
      call.subresource === '' &&
      operation !== 'DELETE' &&
      operation !== 'CONNECT' &&
      (call.resource.resource === 'pods' || call.resource.resource === 'priorityclasses'),
    async admit(attributes) {
      const { call, operation, object, old } = attributes;
      if (call.resource.resource !== 'pods' || call.resource.group !== '') return;
      const pod = object as Pod;
      if (operation === 'UPDATE') {
        const before = old as Pod;
        if (pod.spec.priority === undefined && before.spec.priority !== undefined)
          pod.spec.priority = before.spec.priority;
        if (pod.spec.preemptionPolicy === undefined && before.spec.preemptionPolicy !== undefined)
          pod.spec.preemptionPolicy = before.spec.preemptionPolicy;
        return;
      }
      const chosen = await classOf(core, attributes);
      if (
        pod.spec.priority !== undefined &&
        pod.spec.priority !== null &&
        pod.spec.priority !== chosen.value
      ) {
        const why =
          `the integer value of priority (${pod.spec.priority}) must not be provided in pod ` +
          `spec; priority admission controller computed ${chosen.value} from the given ` +
          'PriorityClass name';
        throw refusal(attributes, why);
      }
      pod.spec.priority = chosen.value;
      if (pod.spec.preemptionPolicy && pod.spec.preemptionPolicy !== chosen.policy) {
        const why =
          `the string value of PreemptionPolicy (${pod.spec.preemptionPolicy}) must not be ` +
          `provided in pod spec; priority admission controller computed ${chosen.policy} from ` +
          'the given PriorityClass name';
        throw refusal(attributes, why);
      }
      pod.spec.preemptionPolicy = chosen.policy;
      if (chosen.name) pod.spec.priorityClassName = chosen.name;
    },
    async validate(attributes) {
      const { call, operation, object } = attributes;
      if (call.resource.group !== 'scheduling.k8s.io' || operation === 'DELETE') return;
      const wanted = object as PriorityClass;
      if (!wanted.globalDefault) return;
      const other = (
        await lookupAll<PriorityClass>(core, registryPrefix(refs.priorityClasses))
      ).find((one) => one.globalDefault && one.metadata.name !== wanted.metadata.name);
      if (other)
        throw refusal(
          attributes,
          `PriorityClass ${other.metadata.name} is already marked as default. Only one ` +
            'default can exist',
        );
    },
  };
}

async function classOf(
  core: Core,
  attributes: Attributes,
): Promise<{ name: string; value: number; policy: string }> {
  const name = (attributes.object as Pod).spec.priorityClassName ?? '';
  if (name) {
    const found = await lookup<PriorityClass>(core, registryKey(refs.priorityClasses, '', name));
    if (!found) throw refusal(attributes, `no PriorityClass with name ${name} was found`);
    return { name, value: found.value, policy: found.preemptionPolicy ?? 'PreemptLowerPriority' };
  }
  const defaults = (await lookupAll<PriorityClass>(core, registryPrefix(refs.priorityClasses)))
    .filter((one) => one.globalDefault)
    .sort((a, b) => a.value - b.value);
  const lowest = defaults[0];
  return lowest
    ? {
        name: lowest.metadata.name ?? '',
        value: lowest.value,
        policy: lowest.preemptionPolicy ?? 'PreemptLowerPriority',
      }
    : { name: '', value: 0, policy: 'PreemptLowerPriority' };
}
