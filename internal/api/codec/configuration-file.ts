import { ConfigError, messageOf } from '../../base/errors.ts';
import { parseYaml, type ParsedYaml } from './yaml.ts';

/**
 * What a configuration may hold: strings, booleans, numbers, lists of one kind, and records. An
 * `object` is read by somebody else.
 */
type Kind = 'string' | 'boolean' | 'number' | 'object' | readonly [Kind] | Fields;
export interface Fields {
  readonly [name: string]: Kind;
}

/** The versions of kube-apiserver's own kinds. */
export const apiServerVersions = ['v1', 'v1beta1', 'v1alpha1'].map(
  (version) => `apiserver.config.k8s.io/${version}`,
);

/**
 * The configuration file of a component of Kubernetes, with what is wrong with its form, each
 * complaint with its field. Throws a ConfigError when it is not YAML.
 */
export function readConfigurationFile(
  text: string,
  {
    kind,
    versions,
    fields,
    op,
  }: { kind: string; versions: readonly string[]; fields: Fields; op: string },
): { read: Record<string, unknown>; complaints: string[] } {
  let parsed: ParsedYaml;
  try {
    parsed = parseYaml(text);
  } catch (error) {
    throw new ConfigError(messageOf(error), { op });
  }
  const complaints = [...parsed.duplicates];
  const read = readRecord(parsed.value, fields, '', complaints);
  const said = {
    kind: read['kind'] as string | undefined,
    apiVersion: read['apiVersion'] as string | undefined,
  };
  if (said.kind !== kind || !versions.includes(said.apiVersion ?? ''))
    complaints.push(
      `no kind "${said.kind ?? ''}" is registered for version "${said.apiVersion ?? ''}"`,
    );
  return { read, complaints };
}

/**
 * The value as a record of these fields; what is of another kind, or not known, goes into
 * `complaints`.
 */
export function readRecord(
  value: unknown,
  fields: Fields,
  path: string,
  complaints: string[],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    complaints.push(`${path || 'the file'}: must be an object`);
    return {};
  }
  const read: [string, unknown][] = [];
  for (const [name, held] of Object.entries(value)) {
    const at = path ? `${path}.${name}` : name;
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (kind === undefined) complaints.push(`unknown field "${at}"`);
    else if (held !== null && held !== undefined)
      read.push([name, one(held, kind, at, complaints)]);
  }
  return Object.fromEntries(read);
}

function one(value: unknown, kind: Kind, path: string, complaints: string[]): unknown {
  if (typeof kind === 'string') {
    if (typeof value !== kind || (kind === 'object' && Array.isArray(value)))
      complaints.push(`${path}: must be a ${kind}`);
    return value;
  }
  if (!Array.isArray(kind)) return readRecord(value, kind as Fields, path, complaints);
  const [each] = kind as readonly [Kind];
  if (!Array.isArray(value)) {
    complaints.push(`${path}: must be a list`);
    return [];
  }
  return value.map((held, i) => one(held, each, `${path}[${i}]`, complaints));
}
