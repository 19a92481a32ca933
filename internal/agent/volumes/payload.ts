import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  Volume,
  VolumeProjection,
} from '../../api/generated/types/core-v1.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { fieldValue, resourceValue, type DownwardFacts } from '../env/downward.ts';
import type { Payload } from './atomic-writer.ts';

/** Where the files of a volume come from. */
export interface PayloadSources {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
  /** The service account token of projected source number `index`; made anew when it is old. */
  token(index: number): Promise<string>;
  /** The certificates of a trust bundle, by name or by signer. */
  trustBundle(projection: NonNullable<VolumeProjection['clusterTrustBundle']>): Promise<string>;
  facts: DownwardFacts;
}

const defaultMode = 0o644;
const tokenMode = 0o600;

/**
 * The files a configMap, secret, downwardAPI or projected volume shows. Undefined for other
 * volumes.
 */
export async function payloadOf(
  pod: Pod,
  volume: Volume,
  sources: PayloadSources,
): Promise<Payload | undefined> {
  const payload: Payload = new Map();
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap)
    await addConfigMap(
      payload,
      pod,
      { ...configMap, mode: configMap.defaultMode ?? defaultMode },
      sources,
    );
  else if (secret)
    await addSecret(
      payload,
      pod,
      { ...secret, name: secret.secretName, mode: secret.defaultMode ?? defaultMode },
      sources,
    );
  else if (downwardAPI)
    addDownward(payload, pod, downwardAPI.items, {
      mode: downwardAPI.defaultMode ?? defaultMode,
      facts: sources.facts,
    });
  else if (projected)
    await addProjections(payload, pod, projected.sources ?? [], {
      mode: projected.defaultMode ?? defaultMode,
      sources,
    });
  else return undefined;
  return payload;
}

interface ObjectSource {
  name?: string;
  items?: KeyToPath[];
  optional?: boolean;
  mode: number;
}

async function addConfigMap(
  payload: Payload,
  pod: Pod,
  source: ObjectSource,
  sources: PayloadSources,
): Promise<void> {
  const object = await orAbsent(source.optional, () =>
    sources.configMap(pod.metadata.namespace ?? '', source.name ?? ''),
  );
  if (!object) return;
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(object.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {}))
    data.set(key, Buffer.from(value, 'base64'));
  addItems(payload, data, source, 'configmap references non-existent config key: ');
}

async function addSecret(
  payload: Payload,
  pod: Pod,
  source: ObjectSource,
  sources: PayloadSources,
): Promise<void> {
  const object = await orAbsent(source.optional, () =>
    sources.secret(pod.metadata.namespace ?? '', source.name ?? ''),
  );
  if (!object) return;
  const data = new Map(
    Object.entries(object.data ?? {}).map(
      ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
    ),
  );
  addItems(payload, data, source, 'references non-existent secret key: ');
}

async function orAbsent<T>(
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

function addItems(
  payload: Payload,
  data: ReadonlyMap<string, Uint8Array>,
  source: ObjectSource,
  complaint: string,
): void {
  if (!source.items || source.items.length === 0) {
    for (const [key, bytes] of data) payload.set(key, { data: bytes, mode: source.mode });
    return;
  }
  for (const item of source.items) {
    const bytes = data.get(item.key);
    if (bytes) payload.set(item.path, { data: bytes, mode: item.mode ?? source.mode });
    else if (!source.optional) throw new Error(complaint + item.key);
  }
}

function addDownward(
  payload: Payload,
  pod: Pod,
  items: DownwardAPIVolumeFile[] | undefined,
  options: { mode: number; facts: DownwardFacts },
): void {
  const failures: unknown[] = [];
  for (const item of items ?? []) {
    try {
      const value = item.fieldRef
        ? fieldValue(pod, item.fieldRef.fieldPath, options.facts)
        : item.resourceFieldRef
          ? resourceValue(item.resourceFieldRef, pod, undefined, options.facts)
          : '';
      payload.set(item.path, { data: Buffer.from(value), mode: item.mode ?? options.mode });
    } catch (error) {
      failures.push(error);
    }
  }
  throwAll(failures);
}

async function addProjections(
  payload: Payload,
  pod: Pod,
  projections: VolumeProjection[],
  options: { mode: number; sources: PayloadSources },
): Promise<void> {
  const { mode, sources } = options;
  const failures: unknown[] = [];
  for (const [index, projection] of projections.entries()) {
    try {
      const {
        configMap,
        secret,
        downwardAPI,
        serviceAccountToken: token,
        clusterTrustBundle: bundle,
        podCertificate,
      } = projection;
      if (configMap) await addConfigMap(payload, pod, { ...configMap, mode }, sources);
      else if (secret) await addSecret(payload, pod, { ...secret, mode }, sources);
      else if (downwardAPI)
        addDownward(payload, pod, downwardAPI.items, { mode, facts: sources.facts });
      else if (token)
        payload.set(token.path, {
          data: Buffer.from(await sources.token(index)),
          ...tokenFile(pod, mode),
        });
      else if (podCertificate)
        throw new Error('projected volumes with a podCertificate are not supported on this node');
      else if (bundle)
        payload.set(bundle.path, { data: Buffer.from(await sources.trustBundle(bundle)), mode });
    } catch (error) {
      failures.push(error);
    }
  }
  throwAll(failures);
}

/**
 * A token is for the one user of the pod, where there is one, or for the pod's group; then nobody
 * else reads it.
 */
function tokenFile(pod: Pod, mode: number): { mode: number; uid?: number } {
  const uid = commonUser(pod);
  if (uid !== undefined) return { mode: tokenMode, uid };
  return { mode: pod.spec.securityContext?.fsGroup === undefined ? mode : tokenMode };
}

/** The user that every container of the pod runs as, when they all name the same. */
export function commonUser(pod: Pod): number | undefined {
  const all = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
    ...(pod.spec.ephemeralContainers ?? []),
  ];
  const users = new Set(
    all.map(
      (container) => container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  );
  return users.size === 1 ? [...users][0] : undefined;
}

function throwAll(failures: unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1)
    throw new AggregateError(failures, `[${failures.map(messageOf).join(', ')}]`);
}
