import { parseYaml, type ParsedYaml } from '../api/codec/yaml.ts';
import { ConfigError, messageOf } from '../base/errors.ts';

/** What a configuration may hold: texts, truths, lists of one kind, and records. */
type Kind = 'string' | 'boolean' | 'number' | readonly [Kind] | Fields;
export interface Fields {
  readonly [name: string]: Kind;
}

const versions = ['v1', 'v1beta1', 'v1alpha1'].map(
  (version) => `apiserver.config.k8s.io/${version}`,
);

/**
 * A file of kube-apiserver's own kinds (apiserver.config.k8s.io), with what is wrong with its form,
 * each complaint with its field. Throws a ConfigError when it is no YAML.
 */
export function readConfigurationFile(
  text: string,
  { kind, fields, op }: { kind: string; fields: Fields; op: string },
): { read: Record<string, unknown>; complaints: string[] } {
  let parsed: ParsedYaml;
  try {
    parsed = parseYaml(text);
  } catch (error) {
    throw new ConfigError(messageOf(error), { op });
  }
  const complaints = [...parsed.duplicates];
  const read = record(parsed.value, fields, '', complaints);
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
function record(
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
    if (typeof value !== kind) complaints.push(`${path}: must be a ${kind}`);
    return value;
  }
  if (!Array.isArray(kind)) return record(value, kind as Fields, path, complaints);
  const [each] = kind as readonly [Kind];
  if (!Array.isArray(value)) {
    complaints.push(`${path}: must be a list`);
    return [];
  }
  return value.map((held, i) => one(held, each, `${path}[${i}]`, complaints));
}
