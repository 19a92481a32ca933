import type { ConfigMap } from '../../../api/generated/types/core-v1.ts';
import type { Payload } from '../atomic-writer.ts';
import type { PluginContext, VolumePlugin } from '../plugin.ts';
import type { References } from '../references.ts';
import { defaultMode, itemFiles, orAbsent, payloadVolume, type ObjectSource } from './payload.ts';

/** The files of a ConfigMap, for a volume or a projected source. */
export async function configMapFiles(
  namespace: string,
  source: ObjectSource & { name?: string },
  references: Pick<References, 'configMap'>,
): Promise<Payload> {
  const object: ConfigMap | undefined = await orAbsent(source.optional, () =>
    references.configMap(namespace, source.name ?? ''),
  );
  if (!object) return new Map();
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(object.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {}))
    data.set(key, Buffer.from(value, 'base64'));
  return itemFiles(data, source, 'configmap references non-existent config key: ');
}

export function configMap(context: PluginContext): VolumePlugin {
  return payloadVolume(
    {
      name: 'configMap',
      kind: 'configmap',
      inMemory: false,
      supports: (volume) => Boolean(volume.configMap),
      files: ({ pod, volume }) =>
        configMapFiles(
          pod.metadata.namespace ?? '',
          { ...volume.configMap, mode: volume.configMap?.defaultMode ?? defaultMode },
          context.references,
        ),
      references: ({ configMap: source }) =>
        source?.name ? [{ kind: 'configmaps', name: source.name }] : [],
    },
    context,
  );
}
