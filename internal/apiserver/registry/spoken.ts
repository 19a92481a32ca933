import { Buffer } from 'node:buffer';
import { load } from 'js-yaml';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, badRequest } from '../../api/status.ts';
import type { GroupVersionKind } from './resource.ts';

/** Decodes kinds that are spoken but not stored. */
export function decodeSpoken(kind: GroupVersionKind, bytes: Uint8Array, format: 'json' | 'yaml' | 'protobuf', _validation: 'Ignore' | 'Warn' | 'Strict'): { object: KubeObject; warnings: string[] } {
  if (format === 'protobuf') throw new ApiError('UnsupportedMediaType', 'protobuf is not supported yet');
  const text = Buffer.from(bytes).toString();
  try {
    const value = (format === 'yaml' ? load(text) : JSON.parse(text)) as KubeObject;
    value.metadata ??= {} as KubeObject['metadata'];
    return { object: { ...value, kind: kind.kind, apiVersion: kind.group ? `${kind.group}/${kind.version}` : kind.version }, warnings: [] };
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}
