import { goText } from '../../api/patch/go-values.ts';
import { timeOf } from '../../api/times.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError, badRequest, invalid } from '../../api/status.ts';
import { applyJsonPatch, unknownPatchFields } from '../../api/patch/json.ts';
import { applyMergePatch } from '../../api/patch/merge.ts';
import { parseJson } from '../../api/codec/json-text.ts';
import { strictText } from '../../api/codec/decode.ts';
import { DecodeError } from '../../api/codec/scalars.ts';
import type { Decoded } from './resource.ts';
import { parseYaml } from '../../api/codec/yaml.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import type { Written } from './create.ts';
import { updateObject } from './update.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export type PatchType = keyof typeof patchTypes;

export function patchTypeOf(call: Call, contentType: string | undefined): PatchType {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  const found = (Object.keys(patchTypes) as PatchType[]).find((name) => patchTypes[name] === type);
  if (found && (found !== 'strategic' || !call.resource.custom)) return found;
  if (!call.resource.custom)
    throw new ApiError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  const offered = (Object.keys(patchTypes) as PatchType[])
    .filter((name) => name !== 'strategic' || !call.resource.custom)
    .map((name) => patchTypes[name]);
  throw new ApiError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      `${offered.join(', ')}`,
  );
}

export interface PatchRequest {
  type: PatchType;
  body: unknown;
  force: boolean;
}

/**
 * The text of a patch as a value; malformed text is a BadRequest. With `call`, what is given twice
 * in YAML is held against it.
 */
export function parsePatch(
  type: PatchType,
  text: string,
  call?: Pick<Call, 'validation' | 'warnings'>,
): unknown {
  try {
    return type === 'apply' ? parseApply(text, call) : parseJson(text);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (type === 'apply')
      throw badRequest(
        `error decoding YAML: error converting YAML to JSON: ${(error as Error).message}`,
      );
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
}

function parseApply(
  text: string,
  call: Pick<Call, 'validation' | 'warnings'> | undefined,
): unknown {
  const { value, duplicates } = parseYaml(text);
  if (!duplicates.length || !call || call.validation === 'Ignore') return value;
  const all = duplicates.join('\n  ');
  const why = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${all}`;
  if (call.validation === 'Strict') throw badRequest(`error strict decoding YAML: ${why}`);
  call.warnings.push(why);
  return value;
}

/** PATCH of an object or one of its subresources (apiserver handlers/patch.go). */
export async function patchObject(
  core: Core,
  call: Call,
  patch: PatchRequest,
): Promise<Written & { created: boolean }> {
  if (patch.type === 'apply') return applyObject(core, call, patch);
  return updateObject(core, call, {
    make: (old) => {
      const current = old as KubeObject;
      const object = normalized(call, patched(call, current, patch), patch);
      if (object.metadata.name !== current.metadata.name) {
        throw badRequest(
          `the name of the object (${object.metadata.name}) does not match the name on the ` +
            `URL (${call.name})`,
        );
      }
      // A patch says nothing of the version it was made for unless it names one.
      return object;
    },
  });
}

function patched(call: Call, current: KubeObject, patch: PatchRequest): unknown {
  const base = deepCopy(current);
  switch (patch.type) {
    case 'json':
      return applyJsonPatch(base, patch.body);
    case 'merge':
      return applyMergePatch(base, patch.body);
    default:
      if (!call.resource.engine.strategicMerge)
        throw new ApiError(
          'UnsupportedMediaType',
          'strategic merge patch is not supported for this kind',
        );
      return call.resource.engine.strategicMerge(base, patch.body);
  }
}

/**
 * A patched value that does not fit its kind is the patch's fault (handlers/patch.go). `normalize`
 * brings it into the form of its kind.
 */
export function normalized(
  call: Call,
  value: unknown,
  patch: Pick<PatchRequest, 'type' | 'body'>,
  normalize: (value: unknown) => Decoded = (it) => call.resource.engine.normalize(it),
): KubeObject {
  const blame = (detail: string): ApiError => {
    const shown = patch.type === 'strategic' ? patch.body : sorted(value);
    return invalid({ group: '', kind: '' }, '', [
      {
        type: 'FieldValueInvalid',
        field: 'patch',
        value: patch.type === 'strategic' ? goText(shown) : JSON.stringify(shown),
        detail,
      },
    ]);
  };
  try {
    const { object, warnings } = normalize(value);
    const all = patch.type === 'json' ? [...unknownPatchFields(patch.body), ...warnings] : warnings;
    if (all.length && call.validation === 'Strict') throw blame(strictText(all));
    if (call.validation === 'Warn') call.warnings.push(...all);
    return object;
  } catch (error) {
    if (error instanceof DecodeError) throw blame(error.message);
    throw error;
  }
}

/**
 * What was merged, in the form of its kind; upstream calls a value that does not fit a fault
 * without a reason.
 */
function converted({ name, resource }: Call, body: KubeObject, applied: unknown): KubeObject {
  try {
    return resource.engine.normalize(applied).object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const { group, version, kind } = resource;
    const what = `${group}/${version}, Kind=${kind}`;
    throw new ApiError(
      '',
      `failed to convert new object (${body.metadata.namespace ?? ''}/${name}; ${what}) to ` +
        `proper version: unable to convert unstructured object to ${what}: ${error.message}`,
    );
  }
}

/** The patch library prints a changed object with its keys in order. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Kinds whose status storage lets an apply make the object (kube-apiserver 1.36.3, by trial of
 * all).
 */
const appliedByStatus: ReadonlySet<string> = new Set([
  'validatingadmissionpolicies.admissionregistration.k8s.io',
]);

/** The configuration of an apply: an object with metadata, of the name that the call names. */
export function appliedBody({ name }: Pick<Call, 'name'>, value: unknown): KubeObject {
  if (typeof value !== 'object' || Array.isArray(value))
    throw badRequest(
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ' +
        `${goKind(value)} into Go value of type map[string]interface {}`,
    );
  const body = (value ?? {}) as KubeObject;
  body.metadata ??= {} as KubeObject['metadata'];
  if (body.metadata.name && typeof body.metadata.name !== 'string')
    throw badRequest('error decoding YAML: metadata.name is not a string');
  if (body.metadata.name && body.metadata.name !== name)
    throw badRequest(
      `the name of the object (${body.metadata.name}) does not match the name on the URL (${name})`,
    );
  return body;
}

/** encoding/json's name for the kind of a value. */
function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

async function applyObject(
  core: Core,
  call: Call,
  patch: PatchRequest,
): Promise<Written & { created: boolean }> {
  const { engine } = call.resource;
  if (!engine.apply)
    throw new ApiError('UnsupportedMediaType', 'server-side apply is not supported for this kind');
  const apply = engine.apply;
  const body = appliedBody(call, patch.body);
  return updateObject(core, call, {
    createIfMissing:
      call.subresource === '' ||
      (call.subresource === 'status' &&
        (call.resource.createOnUpdate ||
          appliedByStatus.has(`${call.resource.resource}.${call.resource.group}`))),
    tracked: true,
    make: (old) => {
      const options = {
        manager: call.fieldManager,
        force: patch.force,
        subresource: call.subresource,
        now: timeOf(core.clock.now()),
      };
      const copy = deepCopy(body);
      const applied = apply(old, copy, options);
      const object = converted(call, body, applied);
      object.metadata.name = call.name;
      if (call.resource.namespaced) object.metadata.namespace = call.namespace;
      return object;
    },
  });
}
