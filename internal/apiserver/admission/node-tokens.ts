import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { TokenRequest } from '../../api/generated/types/authentication-v1.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '../../api/generated/types/core-v1.ts';
import type { CSIDriver } from '../../api/generated/types/storage-v1.ts';
import { notFound } from '../../api/status.ts';
import type { Core } from '../registry/core.ts';
import { lookup } from './lookup.ts';
import type { NodeRequest } from './node-request.ts';

/** A node asks tokens for its own pods, bound to them, and for whom the pod itself hands one to. */
export async function checkToken(request: NodeRequest): Promise<void> {
  const { attributes, core, node, refuse } = request;
  if (attributes.operation !== 'CREATE') return;
  const { spec } = attributes.object as TokenRequest;
  const bound = spec?.boundObjectRef;
  if (!bound || bound.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name)
    throw refuse('node requested token not bound to a pod');
  if (!bound.uid) throw refuse('node requested token with a pod binding without a uid');
  const pod = await lookup<Pod>(
    core,
    registryKey(refs.pods, attributes.call.namespace, bound.name),
  );
  if (!pod) throw notFound({ group: '', resource: 'pods' }, bound.name);
  if (bound.uid !== pod.metadata.uid)
    throw refuse(
      `the UID in the bound object reference (${bound.uid}) does not match the UID in ` +
        'record. The object might have been deleted and then recreated',
    );
  if (pod.spec.nodeName !== node)
    throw refuse('node requested token bound to a pod scheduled on a different node');
  await checkAudience(request, pod, spec.audiences ?? []);
}

async function checkAudience(
  { attributes, core, authorize, refuse }: NodeRequest,
  pod: Pod,
  audiences: readonly string[],
): Promise<void> {
  if (audiences.length > 1) throw refuse('node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  if (await namesAudience(core, pod, audience)) return;
  const { call } = attributes;
  const asked = {
    user: call.user,
    verb: 'request-serviceaccounts-token-audience',
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: call.namespace,
    name: call.name,
  };
  if (!(await authorize(asked)).allowed)
    throw refuse(
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${call.user.name} ` +
        'is not authorized to request tokens for this audience',
    );
}

/**
 * Whether a volume of the pod hands out a token for an audience, itself or through its CSI driver.
 */
async function namesAudience(core: Core, pod: Pod, audience: string): Promise<boolean> {
  for (const volume of pod.spec.volumes ?? []) {
    if (
      (volume.projected?.sources ?? []).some(
        ({ serviceAccountToken }) =>
          serviceAccountToken && (serviceAccountToken.audience ?? '') === audience,
      )
    )
      return true;
    const driver = await driverOf(core, pod, volume);
    if (!driver) continue;
    const found = await lookup<CSIDriver>(core, registryKey(refs.csiDrivers, '', driver));
    if ((found?.spec.tokenRequests ?? []).some((one) => one.audience === audience)) return true;
  }
  return false;
}

async function driverOf(core: Core, pod: Pod, volume: Volume): Promise<string | undefined> {
  if (volume.csi) return volume.csi.driver;
  const name =
    volume.persistentVolumeClaim?.claimName ??
    (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined);
  if (!name) return undefined;
  const claim = await lookup<PersistentVolumeClaim>(
    core,
    registryKey(refs.persistentVolumeClaims, pod.metadata.namespace, name),
  );
  const bound = claim?.spec?.volumeName
    ? await lookup<PersistentVolume>(
        core,
        registryKey(refs.persistentVolumes, '', claim.spec.volumeName),
      )
    : undefined;
  return bound?.spec?.csi?.driver;
}
