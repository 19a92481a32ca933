import { groupsData, kindsData, resourcesData } from './generated/kinds-data.ts';
import { BuiltinKind, splitApiVersion, type KindInfo, type ResourceRow } from './kind-info.ts';
import { hasType, lineIndex } from './type-table.ts';

export { splitApiVersion } from './kind-info.ts';
export type { KindInfo, SubresourceInfo } from './kind-info.ts';

/** A group in discovery order, with its versions in order of preference. */
export interface GroupInfo {
  name: string;
  versions: readonly string[];
  /** version -> [group priority minimum, version priority] of its APIService. */
  priority: Readonly<Record<string, readonly [number, number]>>;
}

export interface SchemeOptions {
  /**
   * Turns versions on or off, as `--runtime-config` does: `{'resource.k8s.io/v1beta1': true}`, or
   * one resource: `{'v1/pods': false}`.
   */
  serve?: Readonly<Record<string, boolean>>;
}

const metaKinds = new Set([
  'DeleteOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
  'GetOptions',
  'ListOptions',
  'WatchEvent',
  'Status',
]);
const metaOnly = new Set([
  'Table',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
  'APIGroup',
  'APIGroupList',
  'APIResourceList',
  'APIVersions',
]);
const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** Every kind the server knows: the built-in ones, and those that definitions add while it runs. */
export class Scheme {
  private readonly byResource = new Map<string, KindInfo>();
  private readonly byKind = new Map<string, KindInfo>();
  private readonly groupList: GroupInfo[];
  /** Definition name -> the kinds it added. */
  private readonly added = new Map<string, readonly KindInfo[]>();
  private readonly listeners = new Set<() => void>();
  private typeNames: Map<string, string> | undefined;
  private changes = 0;

  constructor(options: SchemeOptions = {}) {
    const rows = (text: string): string[] => text.trim().split('\n');
    for (const line of rows(resourcesData))
      this.addBuiltin(JSON.parse(line) as ResourceRow, options.serve ?? {});
    this.groupList = rows(groupsData).map((line) => JSON.parse(line) as GroupInfo);
  }

  private addBuiltin(row: ResourceRow, serve: Readonly<Record<string, boolean>>): void {
    if (!(serve[`${row.gv}/${row.plural}`] ?? serve[row.gv] ?? row.on)) return;
    const listType = row.list
      ? `${row.type.slice(0, row.type.lastIndexOf('.') + 1)}${row.list}`
      : undefined;
    this.put(new BuiltinKind(row, listType));
  }

  private put(info: KindInfo): void {
    this.byResource.set(`${info.group}/${info.version}/${info.resource}`, info);
    this.byKind.set(`${info.group}/${info.version}/${info.kind}`, info);
  }

  /** A served resource by its plural name. */
  resource(group: string, version: string, plural: string): KindInfo | undefined {
    return this.byResource.get(`${group}/${version}/${plural}`);
  }

  /**
   * A kind that is served, or any kind that can be spoken: options, reviews, Scale, Eviction,
   * lists, versions that are off.
   */
  kind(group: string, version: string, kind: string): KindInfo | undefined {
    const key = `${group}/${version}/${kind}`;
    const known = this.byKind.get(key);
    if (known) return known;
    const type = this.spokenType(group, version, kind);
    if (!type) return undefined;
    const spoken = new BuiltinKind(
      {
        gv: group ? `${group}/${version}` : version,
        plural: '',
        singular: '',
        kind,
        type,
        ns: false,
        on: false,
        verbs: [],
      },
      undefined,
    );
    this.byKind.set(key, spoken);
    return spoken;
  }

  kindOf(object: { apiVersion: string; kind: string }): KindInfo | undefined {
    const { group, version } = splitApiVersion(object.apiVersion);
    return this.kind(group, version, object.kind);
  }

  private spokenType(group: string, version: string, kind: string): string | undefined {
    this.typeNames ??= new Map([...lineIndex(kindsData)]);
    const known = this.typeNames.get(`${group}/${version}/${kind}`);
    if (known) return known.replace(/^#/, metaPrefix).replace(/^@/, 'io.k8s.api.');
    // Options and Status are registered in every group; the other meta kinds in their own.
    if (metaKinds.has(kind) || (group === 'meta.k8s.io' && metaOnly.has(kind)))
      return hasType(metaPrefix + kind) ? metaPrefix + kind : undefined;
    return undefined;
  }

  /** Served resources in no particular order. */
  resources(): Iterable<KindInfo> {
    return this.byResource.values();
  }

  /** Every served version of `plural` in `group`. */
  versionsOf(group: string, plural: string): KindInfo[] {
    return [...this.byResource.values()].filter(
      (info) => info.group === group && info.resource === plural,
    );
  }

  /**
   * Built-in groups that serve something, in discovery order. Groups of definitions are not in it:
   * see customGroups.
   */
  groups(): GroupInfo[] {
    const served = new Set<string>();
    for (const info of this.byResource.values())
      if (!info.custom) served.add(`${info.group}/${info.version}`);
    return this.groupList
      .map((group) => ({
        ...group,
        versions: group.versions.filter((version) => served.has(`${group.name}/${version}`)),
      }))
      .filter((group) => group.versions.length > 0);
  }

  /** Groups that only definitions serve, by name, versions in order of preference. */
  customGroups(): GroupInfo[] {
    const groups = new Map<string, Set<string>>();
    for (const info of this.byResource.values()) {
      if (!info.custom) continue;
      const versions = groups.get(info.group) ?? new Set();
      groups.set(info.group, versions.add(info.version));
    }
    return [...groups]
      .map(([name, versions]) => ({
        name,
        versions: [...versions].sort(compareKubeVersions),
        priority: {},
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Puts the kinds of one definition (its name is the key) in place of those it had. An empty list
   * takes them away.
   */
  setCustom(definition: string, infos: readonly KindInfo[]): void {
    for (const old of this.added.get(definition) ?? []) {
      this.byResource.delete(`${old.group}/${old.version}/${old.resource}`);
      this.byKind.delete(`${old.group}/${old.version}/${old.kind}`);
    }
    if (infos.length) this.added.set(definition, infos);
    else this.added.delete(definition);
    for (const info of infos) this.put(info);
    this.changes++;
    for (const listener of this.listeners) listener();
  }

  /**
   * Grows with every change; documents made from the scheme are good as long as it stands still.
   */
  get revision(): number {
    return this.changes;
  }

  /** Calls `listener` after every change. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function builtinScheme(options: SchemeOptions = {}): Scheme {
  return new Scheme(options);
}

const kubeVersion = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const stability = { alpha: 0, beta: 1 } as const;

/**
 * The order of preference of versions: v2, v1, v1beta1, v1alpha1, then anything else by name
 * (apimachinery version.CompareKubeAwareVersionStrings).
 */
export function compareKubeVersions(a: string, b: string): number {
  const left = kubeVersion.exec(a);
  const right = kubeVersion.exec(b);
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  const rank = (m: RegExpExecArray): number => (m[2] ? stability[m[2] as 'alpha' | 'beta'] : 2);
  return (
    rank(right) - rank(left) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}
