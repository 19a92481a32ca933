import { own } from '../../base/own.ts';
import type {
  ConfigMap,
  Container,
  EnvVar,
  EnvVarSource,
  Pod,
  Secret,
  Service,
} from '../../api/generated/types/core-v1.ts';
import { ApiError } from '../../api/status.ts';
import { fieldValue, resourceValue, type DownwardFacts } from './downward.ts';
import { envFileValue } from './env-file.ts';
import { expand } from './expand.ts';
import { serviceLinks } from './service-links.ts';

/**
 * Where the values come from. `configMap` and `secret` throw ApiError, NotFound when there is none.
 */
export interface EnvironmentSources {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
  /** Every Service of the cluster; undefined until they have been read once. */
  services(): Iterable<Service> | undefined;
  /** The text of a file inside one of the pod's volumes, for fileKeyRef. */
  volumeFile?(pod: Pod, volume: string, path: string): Promise<string>;
}

export interface EnvironmentInput {
  pod: Pod;
  container: Container;
  facts: DownwardFacts;
  sources: EnvironmentSources;
}

/** The whole environment of a container. Errors carry the kubelet's words. */
export async function makeEnvironment(input: EnvironmentInput): Promise<Map<string, string>> {
  const { pod, container } = input;
  const services = input.sources.services();
  if (!services)
    throw new Error('services have not yet been read at least once, cannot construct envvars');
  const links = serviceLinks(services, {
    namespace: pod.metadata.namespace ?? '',
    enabled: pod.spec.enableServiceLinks ?? true,
  });
  const result = new Map<string, string>();
  const objects = rememberedObjects(input);
  for (const from of container.envFrom ?? []) {
    const ref = from.configMapRef ?? from.secretRef;
    if (!ref) continue;
    const data = from.configMapRef
      ? await objects.configMap(ref.name ?? '', ref.optional)
      : await objects.secret(ref.name ?? '', ref.optional);
    for (const [key, value] of Object.entries(data ?? {}))
      result.set((from.prefix ?? '') + key, value);
  }
  const lookup = (name: string): string | undefined => result.get(name) ?? links.get(name);
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, input, objects, lookup);
    if (value !== undefined) result.set(variable.name, value);
  }
  for (const [name, value] of links) if (!result.has(name)) result.set(name, value);
  return result;
}

type Data = Record<string, string>;

interface Objects {
  configMap(name: string, optional: boolean | undefined): Promise<Data | undefined>;
  secret(name: string, optional: boolean | undefined): Promise<Data | undefined>;
}

/** Each object is read once, so that one container never sees two versions of it. */
function rememberedObjects({ pod, sources }: EnvironmentInput): Objects {
  const namespace = pod.metadata.namespace ?? '';
  const known = new Map<string, Data>();
  const read = async (
    key: string,
    optional: boolean | undefined,
    get: () => Promise<Data>,
  ): Promise<Data | undefined> => {
    const seen = known.get(key);
    if (seen) return seen;
    try {
      const data = await get();
      known.set(key, data);
      return data;
    } catch (error) {
      if (optional && error instanceof ApiError && error.reason === 'NotFound') return undefined;
      throw error;
    }
  };
  return {
    configMap: (name, optional) =>
      read(
        `c/${name}`,
        optional,
        async () => (await sources.configMap(namespace, name)).data ?? {},
      ),
    secret: (name, optional) =>
      read(`s/${name}`, optional, async () =>
        decoded((await sources.secret(namespace, name)).data),
      ),
  };
}

function decoded(data: Record<string, string> | undefined): Data {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  );
}

async function variableValue(
  variable: EnvVar,
  input: EnvironmentInput,
  objects: Objects,
  lookup: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (variable.value) return expand(variable.value, lookup);
  return variable.valueFrom ? sourcedValue(variable.valueFrom, input, objects) : '';
}

async function sourcedValue(
  from: EnvVarSource,
  input: EnvironmentInput,
  objects: Objects,
): Promise<string | undefined> {
  const { pod, container, facts } = input;
  if (from.fieldRef) return fieldValue(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef) return resourceValue(from.resourceFieldRef, pod, container, facts);
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (ref) {
    const kind = from.configMapKeyRef ? 'ConfigMap' : 'Secret';
    const name = ref.name ?? '';
    const data =
      kind === 'ConfigMap'
        ? await objects.configMap(name, ref.optional)
        : await objects.secret(name, ref.optional);
    if (!data) return undefined;
    const value = own(data, ref.key);
    if (value === undefined && !ref.optional)
      throw new Error(
        `couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace ?? ''}/${name}`,
      );
    return value;
  }
  return from.fileKeyRef ? fromFile(from.fileKeyRef, input) : '';
}

async function fromFile(
  ref: NonNullable<EnvVarSource['fileKeyRef']>,
  { pod, sources }: EnvironmentInput,
): Promise<string | undefined> {
  if (!sources.volumeFile)
    throw new Error(
      `cannot find the volume ${JSON.stringify(ref.volumeName)} referenced by FileKeyRef`,
    );
  let value: string;
  try {
    value = envFileValue(await sources.volumeFile(pod, ref.volumeName, ref.path), ref.key);
  } catch (cause) {
    throw new Error("couldn't parse env file", { cause });
  }
  if (value !== '') return value;
  if (ref.optional) return undefined;
  throw new Error(
    `environment variable key ${JSON.stringify(ref.key)} not found in file ` +
      `${JSON.stringify(ref.path)}`,
  );
}
