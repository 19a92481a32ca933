import { createHash } from 'node:crypto';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { decodeYaml } from '../../api/codec/decode.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import { deepCopy, deepFreeze } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';

const staticAnnotations = {
  hash: 'kubernetes.io/config.hash',
  source: 'kubernetes.io/config.source',
  seen: 'kubernetes.io/config.seen',
  mirror: 'kubernetes.io/config.mirror',
} as const;

/**
 * The pod that a file asks for, completed as the kubelet completes it. Throws when the file is no
 * pod.
 */
export function staticPod(
  bytes: Uint8Array,
  options: { scheme: Scheme; node: string; path: string; nowMs: number },
): Pod {
  const info = options.scheme.kind('', 'v1', 'Pod');
  if (!info) throw new Error('the scheme knows no pods');
  const { object } = decodeYaml(info, bytes);
  applyDefaults(info, object);
  const pod = object as Pod;
  const { metadata, spec } = pod;
  const hash = createHash('md5')
    .update(`host:${options.node}file:${options.path}`)
    .update(bytes)
    .digest('hex');
  if (!metadata.name) throw new Error('a static pod needs a name');
  metadata.uid ||=
    `${hash.slice(0, 8)}-${hash.slice(8, 12)}-${hash.slice(12, 16)}-${hash.slice(16, 20)}` +
    `-${hash.slice(20)}`;
  metadata.name = `${metadata.name}-${options.node}`;
  metadata.namespace ||= 'default';
  metadata.annotations = {
    ...metadata.annotations,
    [staticAnnotations.hash]: hash,
    [staticAnnotations.source]: 'file',
    [staticAnnotations.seen]: new Date(options.nowMs).toISOString(),
  };
  spec.nodeName = options.node;
  // Nothing drives a pod off the node that its operator put there.
  spec.tolerations = [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
  spec.enableServiceLinks ??= true;
  pod.status = { phase: 'Pending' };
  return deepFreeze(pod);
}

/** What the API shows of a static pod: the same spec under another uid, owned by the node. */
export function mirrorOf(pod: Pod, node: Node | undefined): Pod {
  const mirror = deepCopy(pod);
  const hash = mirror.metadata.annotations?.[staticAnnotations.hash] ?? '';
  const owner = node && {
    apiVersion: 'v1',
    kind: 'Node',
    name: node.metadata.name ?? '',
    uid: node.metadata.uid ?? '',
    controller: true,
  };
  const { name, namespace, labels, annotations } = mirror.metadata;
  mirror.metadata = {
    name,
    namespace,
    labels,
    annotations: { ...annotations, [staticAnnotations.mirror]: hash },
    ...(owner ? { ownerReferences: [owner] } : {}),
  };
  return mirror;
}

/** A mirror that shows an older version of the file must be replaced. */
export function mirrorIsCurrent(mirror: Pod, pod: Pod): boolean {
  return (
    mirror.metadata.annotations?.[staticAnnotations.mirror] ===
      pod.metadata.annotations?.[staticAnnotations.hash] && !mirror.metadata.deletionTimestamp
  );
}
