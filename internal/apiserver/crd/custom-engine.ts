import { customPrefix } from '../../api/registry-key.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { invariant } from '../../base/assert.ts';
import type { KindInfo } from '../../api/scheme.ts';
import { splitApiVersion } from '../../api/scheme.ts';
import { decodeJson, decodeValue, decodeYaml, judge } from '../../api/codec/decode.ts';
import { ApiError } from '../../api/status.ts';
import { strategyFor } from '../../api/strategy/strategy.ts';
import { readField } from '../registry/builtin-resources.ts';
import type { WebhookConverter } from './webhook-conversion.ts';
import { fieldManagement } from '../registry/field-management.ts';
import { apiVersion, type KindEngine, type ServedResource } from '../registry/resource.ts';
import { tableFor } from '../registry/tables.ts';

/**
 * Turns an object of one version of a definition into another (strategy None: only apiVersion
 * changes).
 */
export type Convert = (object: KubeObject, toApiVersion: string) => KubeObject;

/** A served version of a CustomResourceDefinition, as the registry sees any other resource. */
export function customResource(
  info: KindInfo,
  convert: Convert,
  webhook?: WebhookConverter,
): ServedResource {
  const labels = new Map(
    ['metadata.name', 'metadata.namespace', ...info.fieldSelectors].map((field) => [field, field]),
  );
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
    fieldLabels: labels,
    ownFieldLabels: true,
    prefix: customPrefix(info),
    storage: { ...splitApiVersion(info.storageVersion), kind: info.kind },
    createOnUpdate: false,
    unconditionalUpdate: false,
    soft: false,
    returnsDeleted: false,
    custom: true,
    storageHash: info.storageVersionHash,
    ...(info.crd?.scale ? { scale: info.crd.scale } : {}),
    ...(info.deprecationWarning ? { deprecationWarning: info.deprecationWarning } : {}),
    engine: customEngine(info, convert, webhook),
  };
}

function customEngine(
  info: KindInfo,
  convert: Convert,
  webhook: WebhookConverter | undefined,
): KindEngine {
  const { crd } = info;
  invariant(crd, 'a custom kind has its definition', 'crd.engine');
  const strategy = strategyFor(info);
  const shape = (object: KubeObject): string[] => {
    object.metadata ??= {} as KubeObject['metadata'];
    const unknown = crd.preserveUnknownFields ? [] : crd.prune(object);
    crd.applyDefaults(object);
    return unknown;
  };
  const own = apiVersion(info);
  const engine: KindEngine = {
    decode(bytes, format, validation) {
      if (format === 'protobuf') {
        throw new ApiError(
          'UnsupportedMediaType',
          'the body of the request was in an unknown format - accepted media types include: ' +
            'application/json, application/yaml',
        );
      }
      const early = validation === 'Ignore' ? 'Ignore' : 'Warn';
      const decoded =
        format === 'yaml'
          ? decodeYaml(info, bytes, { validation: early })
          : decodeJson(info, bytes, { validation: early });
      const unknown = shape(decoded.object).map((path) => `unknown field ${JSON.stringify(path)}`);
      return {
        object: decoded.object,
        warnings: judge(info, [...decoded.warnings, ...unknown], validation),
      };
    },
    normalize(value) {
      const { object, strict } = decodeValue(info, value);
      const unknown = shape(object).map((path) => `unknown field ${JSON.stringify(path)}`);
      return { object, warnings: [...strict, ...unknown] };
    },
    convertsAlways: true,
    toStorage: (object) =>
      info.storageVersion === object.apiVersion
        ? object
        : convert(deepCopy(object), info.storageVersion),
    fromStorage: (object) => {
      const copy = object.apiVersion === own ? deepCopy(object) : convert(deepCopy(object), own);
      crd.applyDefaults(copy);
      return copy;
    },
    prepareForCreate: (object, at) => strategy.prepareForCreate(object, at),
    prepareForUpdate: (object, old, subresource, at) =>
      strategy.prepareForUpdate(object, old, subresource, at),
    validateCreate: (object) => [...strategy.validateCreate(object), ...crd.validate(object)],
    validateUpdate: (object, old, subresource) => [
      ...strategy.validateUpdate(object, old, subresource),
      ...crd.validate(object, old),
    ],
    warnings: () => [],
    field: readField,
    ...fieldManagement(info),
    ...tableFor(info),
  };
  if (webhook) {
    engine.prepare = (kvs) =>
      webhook.prepare(engine, kvs, own, (object) => crd.applyDefaults(object));
    engine.beforeStore = async (object) =>
      info.storageVersion === own
        ? object
        : ((await webhook.convert([object], info.storageVersion))[0] as KubeObject);
  }
  return engine;
}
