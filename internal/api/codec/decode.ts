import { asObject, type KubeObject } from '../object.ts';
import { setOwn } from '../../base/own.ts';
import { apiVersionOf } from '../object.ts';
import type { KindInfo } from '../scheme.ts';
import { splitApiVersion } from '../kind-info.ts';
import { ApiError, badRequest } from '../status.ts';
import { explain } from './explain.ts';
import {
  JsonSyntaxError,
  parseJsonExact,
  type RepeatedFields,
  type WrittenFloats,
} from './json-text.ts';
import { normalStruct, sortedKeys, TypeMismatch, type Walk } from './normal-form.ts';
import { planOf } from './plan.ts';
import { DecodeError } from './scalars.ts';
import { repeatedFieldsOf, strictLimit } from './untyped.ts';
import { parseYaml } from './yaml.ts';

/** fieldValidation of a request. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeOptions {
  validation?: FieldValidation;
}

export interface Decoded<T = KubeObject> {
  object: T;
  /** To be sent as `Warning: 299 - "..."`; only with validation Warn. */
  warnings: string[];
}

type Values = Record<string, unknown>;

/** A value in normal form, and what strict decoding has against it. */
export interface DecodedValue {
  object: KubeObject;
  strict: string[];
}

/**
 * The object of a JSON value in Go's normal form: for what came from a patch. Strict findings are
 * returned, not judged. Throws DecodeError (the plain words of Go's decoder) when the value does
 * not fit the type. A custom kind with a schema is pruned on the way; its defaults are
 * applyDefaults' business, as for every kind.
 */
export function decodeValue(
  info: KindInfo,
  value: unknown,
  repeated: RepeatedFields = new Map(),
  floats: WrittenFloats = new Map(),
): DecodedValue {
  if (info.custom) return decodeCustom(info, value, repeated);
  const plan = planOf(info.type.name);
  const walk: Walk = { unknownFields: false };
  const out: Values = {};
  if (plan.typeMeta) {
    out['kind'] = info.kind;
    out['apiVersion'] = apiVersionOf(info);
  }
  try {
    normalStruct(plan, value, walk, out);
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    throw new DecodeError(
      explain(plan, value, repeated, floats).mismatch ?? 'json: cannot unmarshal value',
    );
  }
  const found =
    walk.unknownFields || repeated.size > 0 || floats.size > 0
      ? explain(plan, value, repeated, floats)
      : undefined;
  if (floats.size > 0 && found?.mismatch !== undefined) throw new DecodeError(found.mismatch);
  const strict = found?.strict ?? [];
  return { object: asObject(out), strict };
}

const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/**
 * A custom object is a free map but for its metadata. Its keys are sorted, as those of every Go
 * map.
 */
function decodeCustom(info: KindInfo, value: unknown, repeated: RepeatedFields): DecodedValue {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    throw new DecodeError(
      `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
    );
  }
  const walk: Walk = { unknownFields: false };
  const from = sortKeys(value) as Values;
  const strict = repeatedFieldsOf(value, repeated);
  const out: Values = { apiVersion: apiVersionOf(info), kind: info.kind, metadata: {} };
  try {
    out['metadata'] = normalStruct(planOf(metaName), from['metadata'] ?? {}, walk);
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    throw new DecodeError(
      explain(planOf(metaName), from['metadata']).mismatch ?? 'json: cannot unmarshal metadata',
    );
  }
  for (const key in from)
    if (key !== 'metadata' && key !== 'kind' && key !== 'apiVersion') setOwn(out, key, from[key]);
  if (info.crd)
    for (const path of info.crd.prune(out).slice(0, strictLimit))
      strict.push(`unknown field ${JSON.stringify(path)}`);
  if (walk.unknownFields)
    strict.push(
      ...explain(planOf(metaName), from['metadata']).strict.map((text) =>
        text.replace('field "', 'field "metadata.'),
      ),
    );
  return { object: asObject(out), strict };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sortKeys(item));
  if (value === null || typeof value !== 'object') return value;
  const out: Values = {};
  for (const key of sortedKeys(value as Values)) setOwn(out, key, sortKeys((value as Values)[key]));
  return out;
}

/** The text of `bytes`; invalid UTF-8 becomes U+FFFD as in Go. */
function textOf(bytes: Uint8Array | string): string {
  return typeof bytes === 'string'
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

interface Parsed {
  value: unknown;
  repeated: RepeatedFields;
  floats: WrittenFloats;
  /** Said before everything else: duplicates that the YAML reader found. */
  first: string[];
}

function parse(kind: 'json' | 'yaml', text: string, strict: boolean): Parsed {
  if (kind === 'yaml') {
    const { value, duplicates } = parseYaml(text);
    return {
      value,
      repeated: new Map(),
      floats: new Map(),
      first: duplicates.length ? [`yaml: unmarshal errors:\n  ${duplicates.join('\n  ')}`] : [],
    };
  }
  return { ...parseJsonExact(text, strict), first: [] };
}

/** `Deployment in version "v1" cannot be handled as a Deployment: <why>` */
export function cannotHandle(
  actual: { version: string; kind: string },
  expected: string,
  why: string,
): ApiError {
  return badRequest(
    `${actual.kind} in version ${JSON.stringify(actual.version)} cannot be handled as a ` +
      `${expected}: ${why}`,
  );
}

function decode(
  format: 'json' | 'yaml',
  info: KindInfo,
  bytes: Uint8Array | string,
  options: DecodeOptions,
): Decoded {
  const validation = options.validation ?? 'Ignore';
  const text = textOf(bytes);
  let parsed: Parsed;
  try {
    parsed = parse(format, text, validation !== 'Ignore');
  } catch (error) {
    throw unrecognized(info, text, error);
  }
  const value = parsed.value ?? {};
  const actual = gvkOf(info, value, text);
  if (!known(info, actual)) {
    const version = apiVersionOf(actual);
    throw cannotHandle(
      actual,
      info.kind,
      `no kind ${JSON.stringify(actual.kind)} is registered for version ` +
        `${JSON.stringify(version)} in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  let result: DecodedValue;
  try {
    result = decodeValue(info, value, parsed.repeated, parsed.floats);
  } catch (error) {
    if (error instanceof DecodeError) throw cannotHandle(actual, info.kind, error.message);
    throw error;
  }
  return {
    object: result.object,
    warnings: judge(info, [...parsed.first, ...result.strict], validation),
  };
}

/** Warnings for Warn, an error for Strict, nothing for Ignore. */
export function judge(info: KindInfo, strict: string[], validation: FieldValidation): string[] {
  if (!strict.length || validation === 'Ignore') return [];
  if (validation === 'Warn') return strict;
  throw cannotHandle(info, info.kind, strictText(strict));
}

export function strictText(strict: readonly string[]): string {
  return `strict decoding error: ${strict.join(', ')}`;
}

function unrecognized(info: KindInfo, text: string, error: unknown): unknown {
  if (!(error instanceof JsonSyntaxError) && !(error instanceof DecodeError)) return error;
  const parse =
    error instanceof JsonSyntaxError
      ? `couldn't get version/kind; json parse error: ${error.message}`
      : error.message;
  return badRequest(
    `the object provided is unrecognized (must be of type ${info.kind}): ${parse} ` +
      `(${summary(text)})`,
  );
}

const summaryLength = 30;

function summary(text: string): string {
  if (!text) return '<empty>';
  const bytes = Buffer.from(text);
  const more = bytes.length > summaryLength ? ' ...' : '';
  const head = bytes.subarray(0, summaryLength);
  return text.startsWith('{') ? head.toString('utf8') + more : head.toString('hex') + more;
}

interface Gvk {
  group: string;
  version: string;
  kind: string;
}

/** What the object says it is; what it leaves out is what the request expects. */
function gvkOf(info: KindInfo, value: unknown, text: string): Gvk {
  const anonymous =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string ' +
    '"json:\\"kind,omitempty\\"" }';
  const fail = (why: string): never => {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${info.kind}): couldn't get ` +
        `version/kind; json parse error: json: cannot unmarshal ${why} (${summary(text)})`,
    );
  };
  if (typeof value !== 'object' || Array.isArray(value))
    return fail(`${nameOf(value)} into Go value of type ${anonymous}`);
  const from = value as Values;
  for (const field of ['apiVersion', 'kind']) {
    const given = from[field];
    if (given !== undefined && given !== null && typeof given !== 'string')
      return fail(`${nameOf(given)} into Go struct field .${field} of type string`);
  }
  const apiVersion = (from['apiVersion'] as string | undefined | null) || apiVersionOf(info);
  return {
    ...splitApiVersion(apiVersion),
    kind: (from['kind'] as string | undefined | null) || info.kind,
  };
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * Options are registered in every group, and clients send them with the version of the group or
 * with `v1`.
 */
function known(info: KindInfo, actual: Gvk): boolean {
  if (actual.kind !== info.kind) return false;
  if (actual.group === info.group && actual.version === info.version) return true;
  return info.resource === '' && info.kind.endsWith('Options');
}

/** Reads a JSON body as `info`. Throws ApiError in the words of kube-apiserver. */
export function decodeJson(
  info: KindInfo,
  bytes: Uint8Array | string,
  options: DecodeOptions = {},
): Decoded {
  return decode('json', info, bytes, options);
}

/** Reads the first document of a YAML body as `info`. */
export function decodeYaml(
  info: KindInfo,
  bytes: Uint8Array | string,
  options: DecodeOptions = {},
): Decoded {
  return decode('yaml', info, bytes, options);
}
