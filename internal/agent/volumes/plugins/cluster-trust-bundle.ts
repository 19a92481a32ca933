import type { VolumeProjection } from '../../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../../api/object.ts';
import { ApiError } from '../../../api/status.ts';
import type { Client } from '../../../client/client.ts';

const bundles: ResourceRef = Object.freeze({
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  resource: 'clustertrustbundles',
  kind: 'ClusterTrustBundle',
  namespaced: false,
});

interface Bundle {
  metadata: { labels?: Record<string, string> };
  spec: { signerName?: string; trustBundle: string };
}

/**
 * The certificates a pod should trust, by the name of a bundle or by signer and labels; each
 * certificate once.
 */
export async function trustBundle(
  client: Client,
  projection: NonNullable<VolumeProjection['clusterTrustBundle']>,
): Promise<string> {
  const found = await select(client, projection);
  if (found.length === 0 && !projection.optional)
    throw new Error(
      'combination of signer name and label selector matched zero ClusterTrustBundles',
    );
  const blocks = found.flatMap(
    (bundle) =>
      bundle.spec.trustBundle.match(
        /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g,
      ) ?? [],
  );
  const unique = [...new Set(blocks)];
  return unique.length === 0 ? '' : `${unique.join('\n')}\n`;
}

async function select(
  client: Client,
  projection: NonNullable<VolumeProjection['clusterTrustBundle']>,
): Promise<Bundle[]> {
  const { name, signerName, labelSelector } = projection;
  try {
    if (name) return [await client.get<Bundle>(bundles, { name })];
    const labels = Object.entries(labelSelector?.matchLabels ?? {}).map(
      ([key, value]) => `${key}=${value}`,
    );
    // An unset selector matches nothing, an empty one everything, as in all of Kubernetes.
    if (!labelSelector) return [];
    const list = await client.list<Bundle>(bundles, {
      fieldSelector: `spec.signerName=${signerName ?? ''}`,
      ...(labels.length > 0 ? { labelSelector: labels.join(',') } : {}),
    });
    return list.items;
  } catch (error) {
    if (projection.optional && error instanceof ApiError && error.reason === 'NotFound') return [];
    throw error;
  }
}
