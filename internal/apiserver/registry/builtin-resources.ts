import { own } from '../../base/own.ts';
import type { AnyKind } from '../../api/kinds/kind.ts';
import { kindOf } from '../../api/kinds/kinds.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { KubeObject } from '../../api/object.ts';
import type { KindInfo, Scheme } from '../../api/scheme.ts';
import { splitApiVersion } from '../../api/scheme.ts';
import { decodeJson, decodeValue, decodeYaml } from '../../api/codec/decode.ts';
import { decodeProtobuf, encodeProtobuf, hasProtobuf } from '../../api/codec/protobuf/envelope.ts';
import { listProtobuf } from '../../api/codec/protobuf/list.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import { applyStrategicPatch } from '../../api/patch/strategic.ts';
import { strategyFor } from '../../api/strategy/strategy.ts';
import type { KindEngine, ServedResource } from './resource.ts';
import { tableFor } from './tables.ts';
import { fieldManagement } from './field-management.ts';

export interface EngineContext {
  scheme: Scheme;
  /** RFC 3339, whole seconds. */
  now(): string;
}

const defaultEventTtlSeconds = 3600;

export function builtinResources(
  context: EngineContext & { eventTtlSeconds?: number },
): ServedResource[] {
  return [...context.scheme.resources()]
    .filter((info) => !info.custom)
    .map((info) => served(info, context));
}

function served(
  info: KindInfo,
  context: EngineContext & { eventTtlSeconds?: number },
): ServedResource {
  const kind: Partial<AnyKind> = kindOf(info) ?? {};
  return {
    group: info.group,
    version: info.version,
    kind: info.kind,
    listKind: info.listKind,
    resource: info.resource,
    singular: info.singular,
    namespaced: info.namespaced,
    verbs: info.verbs,
    shortNames: info.shortNames,
    categories: info.categories,
    subresources: info.subresources,
    fieldLabels: labelsOf(info),
    ownFieldLabels: info.fieldSelectors.some(
      (field) => field !== 'metadata.name' && field !== 'metadata.namespace',
    ),
    prefix: registryPrefix({ ...info, ...(kind.folder && { folder: kind.folder }) }),
    storage: { ...splitApiVersion(info.storageVersion), kind: info.kind },
    createOnUpdate: info.createOnUpdate,
    unconditionalUpdate: info.unconditionalUpdate,
    returnsDeleted: kind.returnsDeleted ?? false,
    orphansDependents: kind.orphansDependents ?? false,
    createdByStatusApply: kind.createdByStatusApply ?? false,
    ...(kind.deletion && { deletion: kind.deletion }),
    custom: false,
    storageHash: info.storageVersionHash,
    ...(kind.deprecation && { deprecationWarning: kind.deprecation }),
    soft: kind.soft ?? false,
    ...(kind.firmWhen && { firmWhen: kind.firmWhen }),
    ...(kind.expires && { ttlSeconds: context.eventTtlSeconds ?? defaultEventTtlSeconds }),
    engine: builtinEngine(info, context),
  };
}

function labelsOf(info: KindInfo): Map<string, string> {
  const labels = new Map<string, string>(
    (info.fieldSelectors.length
      ? info.fieldSelectors
      : ['metadata.name', 'metadata.namespace']
    ).map((field) => [field, field]),
  );
  if (!kindOf(info)?.fieldsAsServed)
    for (const [label, field] of Object.entries(info.fieldSelectorMap)) labels.set(label, field);
  if (info.namespaced) labels.set('metadata.namespace', 'metadata.namespace');
  labels.set('metadata.name', 'metadata.name');
  return labels;
}

function builtinEngine(info: KindInfo, context: EngineContext): KindEngine {
  const strategy = strategyFor(info);
  const kind: Partial<AnyKind> = kindOf(info) ?? {};
  const conversion = own(kind.conversions ?? {}, info.version);
  const withDefaults = (object: KubeObject): KubeObject => {
    object.metadata ??= {} as KubeObject['metadata'];
    applyDefaults(info, object, { now: context.now() });
    return object;
  };
  return {
    decode(bytes, format, validation) {
      if (format === 'protobuf')
        return { object: withDefaults(decodeProtobuf(context.scheme, bytes, info)), warnings: [] };
      const decoded =
        format === 'yaml'
          ? decodeYaml(info, bytes, { validation })
          : decodeJson(info, bytes, { validation });
      return { object: withDefaults(decoded.object), warnings: decoded.warnings };
    },
    normalize(value) {
      const { object, strict } = decodeValue(info, value);
      return { object: withDefaults(object), warnings: strict };
    },
    ...(hasProtobuf(info)
      ? {
          encodeProtobuf: (object: object) => encodeProtobuf(info, object),
          listProtobuf: listProtobuf(info),
        }
      : {}),
    ...(conversion ?? {}),
    // What is reset here would get its defaults when read back: it is stored with them.
    prepareForCreate: (object, at) => {
      strategy.prepareForCreate(object, at);
      withDefaults(object);
    },
    prepareForUpdate: (object, old, subresource, at) => {
      strategy.prepareForUpdate(object, old, subresource, at);
      withDefaults(object);
    },
    validateCreate: (object) => strategy.validateCreate(object),
    validateUpdate: (object, old, subresource) => strategy.validateUpdate(object, old, subresource),
    warnings: (object, old, subresource) =>
      old ? strategy.warningsOnUpdate(object, old, subresource) : strategy.warningsOnCreate(object),
    field: (object, label) => own(kind.fields ?? {}, label)?.(object) ?? readField(object, label),
    strategicMerge: (current, patch) => applyStrategicPatch(current, patch, info.type),
    ...fieldManagement(info),
    ...tableFor(info),
  };
}

/** The text of the field at a dotted path; empty where nothing is. */
export function readField(object: KubeObject, label: string): string {
  let value: unknown = object;
  for (const key of label.split('.'))
    value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value === undefined || value === null ? '' : String(value);
}
