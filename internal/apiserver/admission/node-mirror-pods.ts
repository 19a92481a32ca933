import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { notFound } from '../../api/status.ts';
import { referencesOf } from '../authz/pod-references.ts';
import { lookup } from './lookup.ts';
import type { NodeRequest } from './node-request.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/**
 * A node creates mirror pods alone: its own, owned by its Node, that name no other object of the
 * API.
 */
export async function checkMirrorPod(request: NodeRequest): Promise<void> {
  const { attributes, node, refuse } = request;
  const pod = attributes.object as Pod;
  const who = `node ${JSON.stringify(node)}`;
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined)
    throw refuse(
      `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, ${who} can only ` +
        'create mirror pods',
    );
  if (pod.spec.nodeName !== node)
    throw refuse(`${who} can only create pods with spec.nodeName set to itself`);
  await checkOwner(request, pod, who);
  const named = namesObject(pod);
  if (named) throw refuse(`${who} can not create pods that reference ${named}`);
}

async function checkOwner(
  { core, node, refuse }: NodeRequest,
  pod: Pod,
  who: string,
): Promise<void> {
  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owners.length > 1)
    throw refuse(`${who} can only create pods with a single owner reference set to itself`);
  if (!owner || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    throw refuse(`${who} can only create pods with an owner reference set to itself`);
  if (!owner.controller)
    throw refuse(`${who} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion)
    throw refuse(`${who} must not set blockOwnerDeletion on an owner reference`);
  const found = await lookup<KubeObject>(core, registryKey(refs.nodes, '', node));
  if (!found) throw notFound({ group: '', resource: 'nodes' }, node);
  if (owner.uid !== found.metadata.uid)
    throw refuse(`node ${node} UID mismatch: expected ${owner.uid} got ${found.metadata.uid}`);
}

/**
 * Sources of a projected volume that the node has at hand; everything else comes from the API
 * server.
 */
const ownSources = new Set(['downwardAPI']);

/** Volumes that name an object of the API by their nature. */
const byVolume: [keyof Volume, string][] = [
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
];

const bySource = new Map([
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
]);

/**
 * What kind of object a pod names, in upstream's words; undefined when none (api/pod
 * HasAPIObjectReference).
 */
function namesObject(pod: Pod): string | undefined {
  const references = referencesOf(pod);
  const named = (['serviceaccounts', 'secrets', 'configmaps'] as const).find(
    (resource) => references[resource].size > 0,
  );
  if (named) return named;
  if (
    pod.spec.resourceClaims?.length ||
    pod.status?.resourceClaimStatuses?.length ||
    pod.status?.extendedResourceClaimStatus
  )
    return 'resourceclaims';
  for (const volume of pod.spec.volumes ?? []) {
    const found = byVolume.find(([source]) => volume[source]);
    if (found) return found[1];
    const source = (volume.projected?.sources ?? [])
      .flatMap((one) => Object.keys(one))
      .find((key) => !ownSources.has(key));
    if (source) return bySource.get(source) ?? 'other objects (via projected volumes)';
  }
  return undefined;
}
