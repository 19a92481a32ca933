import type { DownwardAPIVolumeFile, Pod } from '../../../api/generated/types/core-v1.ts';
import { fieldValue, resourceValue, type DownwardFacts } from '../../env/downward.ts';
import type { Payload } from '../atomic-writer.ts';
import type { PluginContext, VolumePlugin } from '../plugin.ts';
import { defaultMode, payloadVolume, throwAll } from './payload.ts';

/** What a pod is told of itself, for a volume or a projected source. */
export function downwardFiles(
  pod: Pod,
  items: DownwardAPIVolumeFile[] | undefined,
  options: { mode: number; facts: DownwardFacts },
): Payload {
  const files: Payload = new Map();
  const failures: unknown[] = [];
  for (const item of items ?? []) {
    try {
      const value = item.fieldRef
        ? fieldValue(pod, item.fieldRef.fieldPath, options.facts)
        : item.resourceFieldRef
          ? resourceValue(item.resourceFieldRef, pod, undefined, options.facts)
          : '';
      files.set(item.path, { data: Buffer.from(value), mode: item.mode ?? options.mode });
    } catch (error) {
      failures.push(error);
    }
  }
  throwAll(failures);
  return files;
}

export function downwardAPI(context: PluginContext): VolumePlugin {
  return payloadVolume(
    {
      name: 'downwardAPI',
      kind: 'downward-api',
      inMemory: true,
      supports: (volume) => Boolean(volume.downwardAPI),
      files: ({ pod, volume: { downwardAPI: source } }) =>
        Promise.resolve().then(() =>
          downwardFiles(pod, source?.items, {
            mode: source?.defaultMode ?? defaultMode,
            facts: context.facts(pod),
          }),
        ),
    },
    context,
  );
}
