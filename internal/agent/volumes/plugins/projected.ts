import type { Pod, VolumeProjection } from '../../../api/generated/types/core-v1.ts';
import type { Payload } from '../atomic-writer.ts';
import type { PluginContext, VolumePlugin } from '../plugin.ts';
import { trustBundle } from './cluster-trust-bundle.ts';
import { configMapFiles } from './config-map.ts';
import { downwardFiles } from './downward-api.ts';
import { defaultMode, payloadVolume, throwAll } from './payload.ts';
import { secretFiles } from './secret.ts';
import { serviceAccountTokenFiles, type TokenSource } from './service-account-token.ts';

type Sources = Pick<PluginContext, 'references' | 'client' | 'facts'>;

/** Several sources in one folder; of two files with one path the later is shown. */
export function projected(context: PluginContext): VolumePlugin {
  return payloadVolume(
    {
      name: 'projected',
      kind: 'projected',
      inMemory: true,
      supports: (volume) => Boolean(volume.projected),
      files: ({ pod, volume: { projected: source }, tokens }) =>
        projectedFiles(pod, source?.sources ?? [], {
          mode: source?.defaultMode ?? defaultMode,
          context,
          tokens,
        }),
      references: ({ projected: source }) =>
        (source?.sources ?? []).flatMap((one) => [
          ...(one.configMap?.name
            ? [{ kind: 'configmaps' as const, name: one.configMap.name }]
            : []),
          ...(one.secret?.name ? [{ kind: 'secrets' as const, name: one.secret.name }] : []),
        ]),
    },
    context,
  );
}

/** The files of all sources together; all failures are reported. */
export async function projectedFiles(
  pod: Pod,
  projections: VolumeProjection[],
  options: { mode: number; context: Sources; tokens: Pick<TokenSource, 'token'> },
): Promise<Payload> {
  const files: Payload = new Map();
  const failures: unknown[] = [];
  for (const projection of projections) {
    try {
      for (const [path, file] of await sourceFiles(pod, projection, options)) files.set(path, file);
    } catch (error) {
      failures.push(error);
    }
  }
  throwAll(failures);
  return files;
}

async function sourceFiles(
  pod: Pod,
  projection: VolumeProjection,
  { mode, context, tokens }: Parameters<typeof projectedFiles>[2],
): Promise<Payload> {
  const namespace = pod.metadata.namespace ?? '';
  const { configMap, secret, serviceAccountToken, clusterTrustBundle, podCertificate } = projection;
  if (configMap) return configMapFiles(namespace, { ...configMap, mode }, context.references);
  if (secret) return secretFiles(namespace, { ...secret, mode }, context.references);
  if (projection.downwardAPI)
    return downwardFiles(pod, projection.downwardAPI.items, { mode, facts: context.facts(pod) });
  if (serviceAccountToken)
    return serviceAccountTokenFiles(serviceAccountToken, { pod, tokens, mode });
  if (podCertificate)
    throw new Error('projected volumes with a podCertificate are not supported on this node');
  if (!clusterTrustBundle) return new Map();
  const data = Buffer.from(await trustBundle(context.client, clusterTrustBundle));
  return new Map([[clusterTrustBundle.path, { data, mode }]]);
}
