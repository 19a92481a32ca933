import type { Deletion } from '../../api/kinds/kind.ts';
import type { KubeObject } from '../../api/object.ts';
import { badRequest, type What } from '../../api/status.ts';
import type { ScalePaths } from '../../api/strategy/scale.ts';
import { parseFieldSelector, type FieldSelector } from '../../api/selectors.ts';
import { unsupportedField } from '../../api/field-selectors.ts';

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

export interface Subresource extends GroupVersionKind {
  name: string;
  verbs: readonly string[];
}

/** What discovery shows of a resource, by whichever server. */
export type DiscoveredResource = Pick<
  ServedResource,
  | 'group'
  | 'version'
  | 'kind'
  | 'resource'
  | 'singular'
  | 'namespaced'
  | 'verbs'
  | 'shortNames'
  | 'categories'
  | 'subresources'
  | 'storageHash'
>;

/**
 * A resource as it is served in one version: everything the generic registry must know about a
 * kind.
 */
export interface ServedResource extends GroupVersionKind {
  listKind: string;
  resource: string;
  singular: string;
  namespaced: boolean;
  verbs: readonly string[];
  shortNames: readonly string[];
  categories: readonly string[];
  subresources: ReadonlyMap<string, Subresource>;
  /** Accepted field labels -> the field they mean. */
  fieldLabels: ReadonlyMap<string, string>;
  /** It has fields besides name and namespace. */
  ownFieldLabels: boolean;
  /** `/registry/pods/` */
  prefix: string;
  storage: GroupVersionKind;
  createOnUpdate: boolean;
  unconditionalUpdate: boolean;
  /** Written lazily: Leases and Events. */
  soft: boolean;
  /** A change of a soft kind that is written at once. `undefined`: it is made, or deleted. */
  firmWhen?(old: Uint8Array | undefined, now: Uint8Array | undefined): boolean;
  /** Objects vanish after this long: Events. */
  ttlSeconds?: number;
  /** Deleting answers with the object rather than a Status. */
  returnsDeleted: boolean;
  /** A deletion that does not say keeps what the object owns. */
  orphansDependents?: boolean;
  /** A server-side apply to /status may create the object. */
  createdByStatusApply?: boolean;
  /** What a deletion does besides removing the record. */
  deletion?: Deletion<KubeObject>;
  custom: boolean;
  /** Where a custom resource keeps what its Scale shows. */
  scale?: ScalePaths;
  /** Sent with every answer of a deprecated version. */
  deprecationWarning?: string;
  /** What discovery says of the stored form. */
  storageHash?: string;
  engine: KindEngine;
}

import type { ListProtobuf } from '../../api/codec/protobuf/list.ts';

export interface Decoded {
  object: KubeObject;
  warnings: string[];
}

export interface FieldsetContext {
  manager: string;
  subresource: string;
  now: string;
}

/**
 * What the schema engine does for one kind: bound once, so that the registry never asks which kind
 * it holds.
 */
export interface KindEngine {
  decode(
    bytes: Uint8Array,
    format: 'json' | 'yaml' | 'protobuf',
    validation: 'Ignore' | 'Warn' | 'Strict',
  ): Decoded;
  /**
   * Brings any JSON value into the kind's normal form, with defaults; `warnings` are what strict
   * decoding has against it.
   */
  normalize(value: unknown): Decoded;
  encodeProtobuf?(object: KubeObject): Uint8Array;
  /** Parts of an enveloped list of this kind. */
  listProtobuf?: ListProtobuf;
  /** Conversion that takes time: brings records into this version before anybody looks at them. */
  prepare?(kvs: readonly import('../../store/store.ts').KeyValue[]): Promise<void>;
  /** The same for an object on its way into the store. */
  beforeStore?(object: KubeObject): Promise<KubeObject>;
  /** Every read goes through fromStorage, not only that of another version. */
  convertsAlways?: boolean;
  toStorage?(object: KubeObject): KubeObject;
  fromStorage?(object: KubeObject): KubeObject;
  prepareForCreate(object: KubeObject, context: StrategyContext): void;
  prepareForUpdate(
    object: KubeObject,
    old: KubeObject,
    subresource: string,
    context: StrategyContext,
  ): void;
  validateCreate(object: KubeObject): import('../../api/status.ts').FieldError[];
  validateUpdate(
    object: KubeObject,
    old: KubeObject,
    subresource: string,
  ): import('../../api/status.ts').FieldError[];
  warnings(object: KubeObject, old: KubeObject | undefined, subresource: string): string[];
  /** Value of a selectable field. */
  field(object: KubeObject, label: string): string;
  strategicMerge?(current: KubeObject, patch: unknown): unknown;
  apply?(
    live: KubeObject | undefined,
    patch: unknown,
    options: FieldsetContext & { force: boolean },
  ): KubeObject;
  track?(live: KubeObject | undefined, object: KubeObject, context: FieldsetContext): KubeObject;
  table(
    objects: readonly KubeObject[],
    options: { now: number; includeObject: 'None' | 'Metadata' | 'Object' },
  ): { columnDefinitions: readonly object[]; rows: readonly object[] };
  hasTable: boolean;
}

export interface StrategyContext {
  now: string;
  user?: {
    name: string;
    uid?: string;
    groups?: readonly string[];
    extra?: Readonly<Record<string, readonly string[]>>;
  };
}

export const whatOf = (resource: { group: string; resource: string }): What => ({
  group: resource.group,
  resource: resource.resource,
});

export const apiVersion = (gv: { group: string; version: string }): string =>
  gv.group ? `${gv.group}/${gv.version}` : gv.version;

export function keyFor(
  resource: { prefix: string; namespaced: boolean },
  namespace: string,
  name: string,
): string {
  return resource.namespaced
    ? `${resource.prefix}${namespace}/${name}`
    : `${resource.prefix}${name}`;
}

export function scopePrefix(
  resource: { prefix: string; namespaced: boolean },
  namespace: string,
): string {
  return resource.namespaced && namespace ? `${resource.prefix}${namespace}/` : resource.prefix;
}

/** Kinds without selectable fields of their own say it in other words. */
function unknownField(label: string): Error {
  return badRequest(
    `${JSON.stringify(label)} is not a known field selector: only "metadata.name", ` +
      '"metadata.namespace"',
  );
}

export function fieldSelectorFor(resource: ServedResource, text: string): FieldSelector {
  return parseFieldSelector(text, (label) => {
    const field = resource.fieldLabels.get(label);
    if (field === undefined)
      throw resource.custom || resource.ownFieldLabels
        ? unsupportedField(label)
        : unknownField(label);
    return field;
  });
}
