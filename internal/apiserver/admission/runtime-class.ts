import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { own } from '../../base/own.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { RuntimeClass } from '../../api/generated/types/node-v1.ts';
import { deepCopy } from '../../api/object.ts';
import { canonicalQuantity } from '../../api/quantity.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';
import { onPodCreate } from './on.ts';
import { refusal } from './refusal.ts';

/** Overhead and scheduling rules of a pod's runtime class (plugin RuntimeClass). */
export function runtimeClass(core: Core): AdmissionPlugin {
  const classOf = async (attributes: Attributes): Promise<RuntimeClass | undefined> => {
    const name = (attributes.object as Pod).spec.runtimeClassName;
    if (!name) return undefined;
    const found = await lookup<RuntimeClass>(core, registryKey(refs.runtimeClasses, '', name));
    if (!found) throw refusal(attributes, `pod rejected: RuntimeClass "${name}" not found`);
    return found;
  };
  return {
    name: 'RuntimeClass',
    handles: onPodCreate,
    async admit(attributes) {
      const pod = attributes.object as Pod;
      const found = await classOf(attributes);
      if (!found) return;
      if (found.overhead?.podFixed) {
        if (pod.spec.overhead && !sameList(pod.spec.overhead, found.overhead.podFixed)) {
          throw refusal(
            attributes,
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
          );
        }
        pod.spec.overhead = deepCopy(found.overhead.podFixed);
      }
      addScheduling(attributes, found);
    },
    async validate(attributes) {
      const pod = attributes.object as Pod;
      const found = await classOf(attributes);
      const why =
        !found && pod.spec.overhead
          ? 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'
          : undefined;
      if (why) throw refusal(attributes, why);
    },
  };
}

function sameList(a: Record<string, string>, b: Record<string, string>): boolean {
  const text = (list: Record<string, string>): string =>
    JSON.stringify(
      Object.entries(list)
        .map(([k, v]) => [k, canonicalQuantity(v)])
        .sort(),
    );
  return text(a) === text(b);
}

function addScheduling(attributes: Attributes, runtime: RuntimeClass): void {
  const pod = attributes.object as Pod;
  const { scheduling } = runtime;
  if (!scheduling) return;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const have = own(pod.spec.nodeSelector, key);
    if (have !== undefined && have !== value) {
      throw refusal(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; ` +
          `pod.spec.nodeSelector[${key}] = ${have}`,
      );
    }
    pod.spec.nodeSelector = { ...pod.spec.nodeSelector, [key]: value };
  }
  const have = pod.spec.tolerations ?? [];
  const more = (scheduling.tolerations ?? []).filter(
    (one) => !have.some((other) => JSON.stringify(other) === JSON.stringify(one)),
  );
  if (more.length) pod.spec.tolerations = [...have, ...deepCopy(more)];
}
