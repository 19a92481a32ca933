import { Buffer } from 'node:buffer';
import { load } from 'js-yaml';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, badRequest } from '../../api/status.ts';
import { resourcesData } from '../../api/generated/kinds-data.ts';
import { apiVersion, prefixOf, type KindEngine, type ServedResource, type Subresource } from './resource.ts';

interface Row {
  gv: string;
  plural: string;
  singular: string;
  kind: string;
  list?: string;
  ns: boolean;
  on: boolean;
  verbs: string[];
  short?: string[];
  cat?: string[];
  storage?: string;
  sub?: Record<string, { kind: string; verbs: string[] }>;
  fieldSel?: string[];
  fieldSelMap?: Record<string, string>;
  createOnUpdate?: boolean;
  unconditionalUpdate?: boolean;
}

const split = (gv: string): { group: string; version: string } => {
  const slash = gv.indexOf('/');
  return slash < 0 ? { group: '', version: gv } : { group: gv.slice(0, slash), version: gv.slice(slash + 1) };
};

export function builtinResources(_now: () => number): ServedResource[] {
  return resourcesData.trim().split('\n').map((line) => JSON.parse(line) as Row).filter((row) => row.on).map(served);
}

function served(row: Row): ServedResource {
  const gv = split(row.gv);
  const storage = split(row.storage ?? row.gv);
  const resource = { ...gv, resource: row.plural };
  const soft = row.plural === 'events' || row.plural === 'leases';
  return {
    ...resource, kind: row.kind, listKind: row.list ?? `${row.kind}List`, singular: row.singular, namespaced: row.ns, verbs: row.verbs,
    shortNames: row.short ?? [], categories: row.cat ?? [], subresources: subresourcesOf(row), fieldLabels: labelsOf(row),
    prefix: prefixOf(resource, false), storage: { ...storage, kind: row.kind }, createOnUpdate: row.createOnUpdate ?? false,
    unconditionalUpdate: row.unconditionalUpdate ?? true, soft, ...(row.plural === 'events' ? { ttlSeconds: 3600 } : {}),
    returnsDeleted: false, custom: false, engine: plainEngine(row, apiVersion(gv)),
  };
}

function subresourcesOf(row: Row): Map<string, Subresource> {
  const out = new Map<string, Subresource>();
  for (const [name, sub] of Object.entries(row.sub ?? {})) {
    const slash = sub.kind.lastIndexOf('/');
    out.set(name, { name, ...split(sub.kind.slice(0, slash)), kind: sub.kind.slice(slash + 1), verbs: sub.verbs });
  }
  return out;
}

function labelsOf(row: Row): Map<string, string> {
  const labels = new Map<string, string>((row.fieldSel ?? ['metadata.name', 'metadata.namespace']).map((field) => [field, field]));
  for (const [label, field] of Object.entries(row.fieldSelMap ?? {})) labels.set(label, field);
  return labels;
}

function plainEngine(row: Row, version: string): KindEngine {
  const normalize = (value: unknown): { object: KubeObject; warnings: string[] } => {
    const object = value as KubeObject;
    object.metadata ??= {} as KubeObject['metadata'];
    return { object: { ...object, kind: row.kind, apiVersion: version }, warnings: [] };
  };
  return {
    decode(bytes, format) {
      if (format === 'protobuf') throw new ApiError('UnsupportedMediaType', 'protobuf is not supported yet');
      const text = Buffer.from(bytes).toString();
      try {
        return normalize(format === 'yaml' ? load(text) : JSON.parse(text));
      } catch (error) {
        throw badRequest((error as Error).message);
      }
    },
    normalize,
    prepareForCreate: () => undefined,
    prepareForUpdate: () => undefined,
    validateCreate: () => [],
    validateUpdate: () => [],
    warnings: () => [],
    field: (object, label) => {
      const value = label.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
      return value === undefined || value === null ? '' : String(value);
    },
    table: (objects) => ({ columns: [{ name: 'Name', type: 'string', format: 'name', description: '', priority: 0 }], rows: objects.map((object) => [object.metadata.name]) }),
    hasTable: true,
  };
}

export function decodeDeleteOptions(bytes: Uint8Array, format: 'json' | 'yaml' | 'protobuf'): object {
  if (format === 'protobuf') return {};
  return (format === 'yaml' ? load(Buffer.from(bytes).toString()) : JSON.parse(Buffer.from(bytes).toString())) as object;
}

export function encodeAny(object: object): Uint8Array {
  return Buffer.from(JSON.stringify(object));
}
