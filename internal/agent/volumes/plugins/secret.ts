import type { Payload } from '../atomic-writer.ts';
import type { PluginContext, VolumePlugin } from '../plugin.ts';
import type { References } from '../references.ts';
import { defaultMode, itemFiles, orAbsent, payloadVolume, type ObjectSource } from './payload.ts';

/** The files of a Secret, for a volume or a projected source. */
export async function secretFiles(
  namespace: string,
  source: ObjectSource & { name?: string },
  references: Pick<References, 'secret'>,
): Promise<Payload> {
  const object = await orAbsent(source.optional, () =>
    references.secret(namespace, source.name ?? ''),
  );
  if (!object) return new Map();
  const data = new Map(
    Object.entries(object.data ?? {}).map(
      ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
    ),
  );
  return itemFiles(data, source, 'references non-existent secret key: ');
}

export function secret(context: PluginContext): VolumePlugin {
  return payloadVolume(
    {
      name: 'secret',
      kind: 'secret',
      inMemory: true,
      supports: (volume) => Boolean(volume.secret),
      files: ({ pod, volume: { secret: source } }) =>
        secretFiles(
          pod.metadata.namespace ?? '',
          { ...source, name: source?.secretName, mode: source?.defaultMode ?? defaultMode },
          context.references,
        ),
      references: ({ secret: source }) =>
        source?.secretName ? [{ kind: 'secrets', name: source.secretName }] : [],
    },
    context,
  );
}
