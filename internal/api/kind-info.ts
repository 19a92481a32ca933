import { builtinStruct } from './builtin-schema.ts';
import type { ResourceRef } from './object.ts';
import type { CrdVersion } from './crd/compile.ts';
import type { StructSchema } from './schema.ts';

/** A path below an object: `pods/log`, and the kind it speaks. */
export interface SubresourceInfo {
  name: string;
  group: string;
  version: string;
  kind: string;
  verbs: readonly string[];
}

/**
 * All there is to know about a kind that is served (or, with an empty `resource`, only spoken:
 * DeleteOptions, Status).
 */
export interface KindInfo extends ResourceRef {
  listKind: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly string[];
  subresources: ReadonlyMap<string, SubresourceInfo>;
  /**
   * apiVersion the object is stored in. Differs from its own for few: autoscaling/v1,
   * events.k8s.io/v1.
   */
  storageVersion: string;
  storageVersionHash: string;
  fieldSelectors: readonly string[];
  /** Accepted label -> the one it stands for. */
  fieldSelectorMap: Readonly<Record<string, string>>;
  createOnUpdate: boolean;
  /** An update without resourceVersion is taken. */
  unconditionalUpdate: boolean;
  /** Subresource ('' for the resource itself) -> dotted paths whose changes are dropped. */
  resetFields: Readonly<Record<string, readonly string[]>>;
  readonly type: StructSchema;
  /** For lists of a built-in kind. */
  readonly listType: StructSchema | undefined;
  custom: boolean;
  /**
   * Set for kinds of a CustomResourceDefinition: defaulting, pruning, validation and the published
   * schema.
   */
  crd?: CrdVersion;
  /** The version is marked deprecated, with the warning to send. */
  deprecationWarning?: string;
}

/** One line of the generated resource table. */
export interface ResourceRow {
  gv: string;
  plural: string;
  singular: string;
  kind: string;
  list?: string;
  type: string;
  ns: boolean;
  on: boolean;
  verbs: string[];
  short?: string[];
  cat?: string[];
  storage?: string;
  svHash?: string;
  sub?: Record<string, { kind: string; verbs: string[] }>;
  fieldSel?: string[];
  fieldSelMap?: Record<string, string>;
  createOnUpdate?: boolean;
  unconditionalUpdate?: boolean;
  reset?: Record<string, string[]>;
}

export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `apps/v1/Scale` or `v1/Pod` of the table. */
function subresource(name: string, row: { kind: string; verbs: string[] }): SubresourceInfo {
  const at = row.kind.lastIndexOf('/');
  return {
    name,
    ...splitApiVersion(row.kind.slice(0, at)),
    kind: row.kind.slice(at + 1),
    verbs: row.verbs,
  };
}

/** A built-in kind. Schemas are looked up when first read. */
export class BuiltinKind implements KindInfo {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly resource: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: ReadonlyMap<string, SubresourceInfo>;
  readonly storageVersion: string;
  readonly storageVersionHash: string;
  readonly fieldSelectors: readonly string[];
  readonly fieldSelectorMap: Readonly<Record<string, string>>;
  readonly createOnUpdate: boolean;
  readonly unconditionalUpdate: boolean;
  readonly resetFields: Readonly<Record<string, readonly string[]>>;
  readonly custom = false;
  private readonly typeName: string;
  private readonly listTypeName: string | undefined;

  constructor(row: ResourceRow, listTypeName: string | undefined) {
    const { group, version } = splitApiVersion(row.gv);
    this.group = group;
    this.version = version;
    this.kind = row.kind;
    this.listKind = row.list ?? '';
    this.resource = row.plural;
    this.singular = row.singular;
    this.namespaced = row.ns;
    this.shortNames = row.short ?? [];
    this.categories = row.cat ?? [];
    this.verbs = row.verbs;
    this.subresources = new Map(
      Object.entries(row.sub ?? {}).map(([name, sub]) => [name, subresource(name, sub)]),
    );
    this.storageVersion = row.storage ?? row.gv;
    this.storageVersionHash = row.svHash ?? '';
    this.fieldSelectors = row.fieldSel ?? [];
    this.fieldSelectorMap = row.fieldSelMap ?? {};
    this.createOnUpdate = row.createOnUpdate ?? false;
    this.unconditionalUpdate = row.unconditionalUpdate ?? false;
    this.resetFields = row.reset ?? {};
    this.typeName = row.type;
    this.listTypeName = listTypeName;
  }

  get type(): StructSchema {
    return builtinStruct(this.typeName);
  }

  get listType(): StructSchema | undefined {
    return this.listTypeName ? builtinStruct(this.listTypeName) : undefined;
  }
}
