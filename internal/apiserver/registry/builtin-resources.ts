import { table } from '../../base/own.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import type { KindInfo, Scheme } from '../../api/scheme.ts';
import { splitApiVersion } from '../../api/scheme.ts';
import { decodeJson, decodeValue, decodeYaml } from '../../api/codec/decode.ts';
import { decodeProtobuf, encodeProtobuf, hasProtobuf } from '../../api/codec/protobuf/envelope.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import { applyStrategicPatch } from '../../api/patch/strategic.ts';
import { strategyFor } from '../../api/strategy/strategy.ts';
import { conversions } from './conversions.ts';
import { prefixOf, type KindEngine, type ServedResource } from './resource.ts';
import { tableFor } from './tables.ts';
import { fieldManagement } from './field-management.ts';

export interface EngineContext {
  scheme: Scheme;
  /** RFC 3339, whole seconds. */
  now(): string;
}

const softResources = new Set(['/events', 'events.k8s.io/events', 'coordination.k8s.io/leases']);
const defaultEventTtlSeconds = 3600;

/** Kinds whose deletion answers with the object (ReturnDeletedObject of their stores). */
const returningDeleted = new Set([
  '/pods',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/csistoragecapacities',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'node.k8s.io/runtimeclasses',
]);

/** Kinds older than garbage collection (DefaultGarbageCollectionPolicy of their strategies). */
const orphaning = new Set(['/replicationcontrollers', 'batch/jobs']);
/** What kube-apiserver says with every answer about a resource that has a successor. */
const deprecated: Readonly<Record<string, string>> = table({
  '/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  '/componentstatuses': 'v1 ComponentStatus is deprecated in v1.19+',
});

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
  const path = `${info.group}/${info.resource}`;
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
    prefix: prefixOf(info, false),
    storage: { ...splitApiVersion(info.storageVersion), kind: info.kind },
    createOnUpdate: info.createOnUpdate,
    unconditionalUpdate: info.unconditionalUpdate,
    returnsDeleted: returningDeleted.has(path),
    orphansDependents: orphaning.has(path),
    custom: false,
    storageHash: info.storageVersionHash,
    ...(deprecated[path] ? { deprecationWarning: deprecated[path] } : {}),
    soft: softResources.has(path),
    ...(info.resource === 'events'
      ? { ttlSeconds: context.eventTtlSeconds ?? defaultEventTtlSeconds }
      : {}),
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
  // Both shapes of an event are read as they are served, so its names need no translation.
  if (info.group !== 'events.k8s.io')
    for (const [label, field] of Object.entries(info.fieldSelectorMap)) labels.set(label, field);
  if (info.namespaced) labels.set('metadata.namespace', 'metadata.namespace');
  labels.set('metadata.name', 'metadata.name');
  return labels;
}

function builtinEngine(info: KindInfo, context: EngineContext): KindEngine {
  const strategy = strategyFor(info);
  const conversion = conversions[`${info.group}/${info.version}/${info.kind}`];
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
      ? { encodeProtobuf: (object: object) => encodeProtobuf(info, object) }
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
    field: readField,
    strategicMerge: (current, patch) => applyStrategicPatch(current, patch, info.type),
    ...fieldManagement(info),
    ...tableFor(info),
  };
}

/** Fields whose zero Go prints, where JSON leaves them out. */
const zeroTexts: Record<string, string> = table({
  'spec.unschedulable': 'false',
  'spec.hostNetwork': 'false',
  'status.successful': '0',
  'status.replicas': '0',
  'status.succeeded': '0',
});

export function readField(object: KubeObject, label: string): string {
  if (label === 'source') return eventSource(object);
  if (label === 'status.podIPs')
    return ((fieldsOf(object)['status'] as { podIPs?: { ip: string }[] } | undefined)?.podIPs ?? [])
      .map((one) => one.ip)
      .join(',');
  let value: unknown = object;
  for (const key of label === 'status.successful' ? ['status', 'succeeded'] : label.split('.'))
    value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value === undefined || value === null ? (zeroTexts[label] ?? '') : String(value);
}

function eventSource(object: KubeObject): string {
  const source = fieldsOf(object)['source'] as { component?: string } | undefined;
  return source?.component || String(fieldsOf(object)['reportingComponent'] ?? '');
}
