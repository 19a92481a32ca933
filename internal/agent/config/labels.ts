import type { Container, Pod } from '../../api/generated/types/core-v1.ts';

/** The names by which the kubelet, crictl and log collectors find pods in the runtime. */
export const labelNames = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const annotationNames = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  preStopHandler: 'io.kubernetes.container.preStopHandler',
  ports: 'io.kubernetes.container.ports',
  deletionGracePeriod: 'io.kubernetes.pod.deletionGracePeriod',
  terminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
} as const;

export function podLabels(pod: Pod): Record<string, string> {
  const { name, namespace, uid, labels } = pod.metadata;
  return {
    ...labels,
    [labelNames.podName]: name ?? '',
    [labelNames.podNamespace]: namespace ?? '',
    [labelNames.podUid]: uid ?? '',
  };
}

export function containerLabels(pod: Pod, container: Container): Record<string, string> {
  const { name, namespace, uid } = pod.metadata;
  return {
    [labelNames.podName]: name ?? '',
    [labelNames.podNamespace]: namespace ?? '',
    [labelNames.podUid]: uid ?? '',
    [labelNames.containerName]: container.name,
  };
}

/** All that is needed to end and to report a container whose pod is known no more. */
export function containerAnnotations(
  pod: Pod,
  container: Container,
  restartCount: number,
): Record<string, string> {
  const made: Record<string, string> = {
    [annotationNames.hash]: containerHash(container),
    [annotationNames.restartCount]: String(restartCount),
    [annotationNames.terminationMessagePath]: container.terminationMessagePath ?? '',
    [annotationNames.terminationMessagePolicy]: container.terminationMessagePolicy ?? '',
  };
  const deletion = pod.metadata.deletionGracePeriodSeconds;
  if (deletion !== undefined) made[annotationNames.deletionGracePeriod] = String(deletion);
  const grace = pod.spec.terminationGracePeriodSeconds;
  if (grace !== undefined) made[annotationNames.terminationGracePeriod] = String(grace);
  if (container.lifecycle?.preStop)
    made[annotationNames.preStopHandler] = JSON.stringify(container.lifecycle.preStop);
  if (container.ports && container.ports.length > 0)
    made[annotationNames.ports] = JSON.stringify(container.ports);
  return made;
}

/**
 * Changes when a running container no longer is what the pod says: its name or image. FNV-1a, in
 * hexadecimal.
 */
export function containerHash(container: Pick<Container, 'name' | 'image'>): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(
    JSON.stringify({ image: container.image ?? '', name: container.name }),
  )) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
