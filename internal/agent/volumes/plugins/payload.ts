import type { KeyToPath, Pod, Volume } from '../../../api/generated/types/core-v1.ts';
import { ApiError } from '../../../api/status.ts';
import { IoError, messageOf } from '../../../base/errors.ts';
import { hasPayload, writeAtomically, type Payload } from '../atomic-writer.ts';
import type { MountedVolume } from '../container-mounts.ts';
import { giveToGroup } from '../ownership.ts';
import {
  plain,
  volumeDir,
  type PluginContext,
  type PodVolume,
  type VolumePlugin,
} from '../plugin.ts';

// What volumes have in common whose files come from the API: configMap, secret, downwardAPI and
// projected.

export const defaultMode = 0o644;
const payloadDirMode = 0o777;
const op = 'volume.payload';

export interface PayloadType extends Pick<VolumePlugin, 'name' | 'supports'> {
  /** The name of its folder. */
  kind: string;
  /** Its files never reach a disk. */
  inMemory: boolean;
  /** What it shows now. */
  files(of: PodVolume): Promise<Payload>;
  references?: VolumePlugin['references'];
}

/** A volume whose files are written by the agent and follow what they come from. */
export function payloadVolume(type: PayloadType, context: PluginContext): VolumePlugin {
  const dirOf = (pod: Pod, { name }: Volume): string =>
    type.inMemory
      ? `${context.secretsDir}/${pod.metadata.uid ?? ''}/kubernetes.io~${type.kind}/${name}`
      : volumeDir(context.podsDir, pod.metadata.uid ?? '', type.kind, name);
  return {
    ...plain,
    name: type.name,
    supports: type.supports,
    ...(type.references && { references: type.references }),
    async setUp(of, { offline }): Promise<MountedVolume> {
      const path = dirOf(of.pod, of.volume);
      await write(type, context, { ...of, path, offline });
      return { name: of.volume.name, path, readOnly: true };
    },
    refresh: (of, { path }) => write(type, context, { ...of, path, offline: false }),
  };
}

async function write(
  type: PayloadType,
  { doors, clock, log }: PluginContext,
  of: PodVolume & { path: string; offline: boolean },
): Promise<void> {
  const { pod, volume, path } = of;
  if (!(await doors.disk.stat(op, path))) {
    await doors.disk.makeDir(op, path, 0o755);
    await doors.tree.chmod(op, path, payloadDirMode);
  }
  const group = pod.spec.securityContext?.fsGroup;
  const finish =
    group === undefined
      ? undefined
      : (dir: string) => giveToGroup(dir, group, { ...doors, readOnly: true });
  try {
    await writeAtomically(path, await type.files(of), { ...doors, nowMs: clock.now(), finish });
  } catch (error) {
    const usable = (await hasPayload(path, doors.tree)) || (of.offline && isUnreachable(error));
    if (!usable) throw error;
    // A missing source is normal while its namespace is deleted.
    log.debug('volume keeps its old content', {
      pod: pod.metadata.uid,
      volume: volume.name,
      error,
    });
    of.stale();
  }
}

/** There was no answer, as opposed to a negative answer. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnreachable);
  if (error instanceof ApiError) return error.httpStatus >= 500;
  if (error instanceof IoError) return true;
  return error instanceof Error && error.cause !== undefined && isUnreachable(error.cause);
}

/** A ConfigMap or Secret as a volume or a projected source names it. */
export interface ObjectSource {
  items?: KeyToPath[];
  optional?: boolean;
  mode: number;
}

/** The object, or undefined when it is not there and may be missing. */
export async function orAbsent<T>(
  optional: boolean | undefined,
  get: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (optional && error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

/** The files for an object's keys: all of them, or the items that are asked for. */
export function itemFiles(
  data: ReadonlyMap<string, Uint8Array>,
  source: ObjectSource,
  complaint: string,
): Payload {
  const files: Payload = new Map();
  if (!source.items || source.items.length === 0) {
    for (const [key, bytes] of data) files.set(key, { data: bytes, mode: source.mode });
    return files;
  }
  for (const item of source.items) {
    const bytes = data.get(item.key);
    if (bytes) files.set(item.path, { data: bytes, mode: item.mode ?? source.mode });
    else if (!source.optional) throw new Error(complaint + item.key);
  }
  return files;
}

/** One failure as it is; several together. */
export function throwAll(failures: unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1)
    throw new AggregateError(failures, `[${failures.map(messageOf).join(', ')}]`);
}
