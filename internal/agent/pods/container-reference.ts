import type { Container, Pod } from '../../api/generated/types/core-v1.ts';

/** The object of an event about one container. */
export function containerReference(pod: Pod, container: Container) {
  const list = pod.spec.initContainers?.some((c) => c.name === container.name)
    ? 'initContainers'
    : pod.spec.containers.some((c) => c.name === container.name)
      ? 'containers'
      : 'ephemeralContainers';
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    resourceVersion: pod.metadata.resourceVersion,
    fieldPath: `spec.${list}{${container.name}}`,
  };
}
