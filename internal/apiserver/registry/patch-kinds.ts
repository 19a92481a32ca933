import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { badRequest, invalid } from '../../api/status.ts';

/** RFC 7396. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) throw badRequest('error decoding patch: the patch is not an object');
  return merge(target, patch as Record<string, unknown>);
}

function merge(target: unknown, patch: Record<string, unknown>): unknown {
  const out: Record<string, unknown> = target !== null && typeof target === 'object' && !Array.isArray(target) ? (target as Record<string, unknown>) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else if (typeof value === 'object' && !Array.isArray(value)) out[key] = merge(out[key], value as Record<string, unknown>);
    else out[key] = value;
  }
  return out;
}

const maxOperations = 10_000;

/** RFC 6902. */
export function applyJsonPatch(target: object, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (patch.length > maxOperations) throw badRequest(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  try {
    return jsonPatch.applyPatch(target, patch as Operation[], true, true, true).newDocument;
  } catch (error) {
    const text = (error as Error).message.split('\n')[0] ?? '';
    throw invalid({ group: '', kind: '' }, '', [{ type: 'FieldValueInvalid', field: 'patch', value: text, detail: '' }]);
  }
}
