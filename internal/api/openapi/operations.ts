import { table } from '../../base/own.ts';
import type { KindInfo, Scheme, SubresourceInfo } from '../scheme.ts';
import { jsonOrder, hasType, rawType } from '../type-table.ts';
import { parameterDescriptions } from './descriptions.ts';

/** One request that a path takes, in a form that OpenAPI 2 and 3 are written from. */
export interface Operation {
  method: 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';
  /** x-kubernetes-action; empty for the list of resources. */
  action: string;
  id: string;
  description: string;
  gvk: { group: string; version: string; kind: string } | undefined;
  query: readonly string[];
  /** Definition of the body; `patch` bodies come in several media types. */
  body: { definition: string; required: boolean } | undefined;
  /** Definition of the answer, or undefined for plain text. */
  answer: string | undefined;
  codes: readonly number[];
  watchable: boolean;
  custom: boolean;
  /** Other media types than those of objects; `consumes` is OpenAPI 2's alone. */
  media?: { consumes?: readonly string[]; produces: readonly string[] };
  /** Answers with text, whatever was asked for. */
  log?: boolean;
}

export interface Path {
  path: string;
  /** `name`, `namespace`, `path`: in the order of the document. */
  inPath: readonly string[];
  operations: Operation[];
}

const forms = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
export const discoveryMedia = { consumes: forms, produces: forms };

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const writeQuery = ['dryRun', 'fieldManager', 'fieldValidation'];
const deleteQuery = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'propagationPolicy',
];
const listQuery = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'shardSelector',
  'timeoutSeconds',
  'watch',
];
const collectionQuery = [
  ...listQuery.filter((name) => name !== 'allowWatchBookmarks' && name !== 'watch'),
  ...deleteQuery,
].sort();

/** Kinds whose deletion answers with the object. */
const returnsDeleted = new Set(
  (
    'persistentvolumeclaims pods podtemplates resourcequotas serviceaccounts services ' +
    'persistentvolumes csidrivers csinodes storageclasses volumeattachments ' +
    'volumeattributesclasses deviceclasses resourceclaims resourceclaimtemplates resourceslices'
  ).split(' '),
);

export const typesOfQuery: Record<string, 'boolean' | 'integer'> = table({
  allowWatchBookmarks: 'boolean',
  force: 'boolean',
  gracePeriodSeconds: 'integer',
  ignoreStoreReadErrorWithClusterBreakingPotential: 'boolean',
  limit: 'integer',
  orphanDependents: 'boolean',
  sendInitialEvents: 'boolean',
  timeoutSeconds: 'integer',
  watch: 'boolean',
});

/** `example.com` -> `com.example.v1.Foo`; built-in types have their own names. */
export function definitionName(
  info: { group: string; version: string; kind: string; custom: boolean; type?: { name: string } },
  kind: string = info.kind,
): string {
  if (info.custom) return `${info.group.split('.').reverse().join('.')}.${info.version}.${kind}`;
  const own = info.type?.name ?? '';
  return kind === info.kind ? own : `${own.slice(0, own.lastIndexOf('.') + 1)}${kind}`;
}

export function camel(text: string): string {
  return text
    .split(/[.-]/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

export const shortGroup = (group: string): string => group.replace(/\.k8s\.io$/, '') || 'core';

/** `apps_v1`, `exampleCom_v1` */
export function tagOf(group: string, version: string): string {
  const name = camel(shortGroup(group));
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}_${version}`;
}

export function rootOf(group: string, version: string): string {
  return group ? `/apis/${group}/${version}` : `/api/${version}`;
}

/** All paths of one group version. */
export function pathsOf(scheme: Scheme, group: string, version: string): Path[] {
  const paths: Path[] = [];
  const infos = [...scheme.resources()]
    .filter((info) => info.group === group && info.version === version)
    .sort((a, b) => (a.resource < b.resource ? -1 : 1));
  if (infos.some((info) => !info.custom)) paths.push(resourceList(group, version));
  for (const info of infos) paths.push(...new ResourcePaths(scheme, info).all());
  return paths;
}

function resourceList(group: string, version: string): Path {
  const id = `get${camel(shortGroup(group))}${camel(version)}APIResources`;
  const operation: Operation = {
    method: 'get',
    action: '',
    id,
    description: 'get available resources',
    gvk: undefined,
    query: [],
    body: undefined,
    answer: `${meta}APIResourceList`,
    codes: [200],
    watchable: false,
    custom: false,
    media: discoveryMedia,
  };
  return { path: `${rootOf(group, version)}/`, inPath: [], operations: [operation] };
}

class ResourcePaths {
  private readonly scheme: Scheme;
  private readonly info: KindInfo;
  private readonly own: string;

  constructor(scheme: Scheme, info: KindInfo) {
    this.scheme = scheme;
    this.info = info;
    this.own = definitionName(info);
  }

  all(): Path[] {
    const { info } = this;
    const root = rootOf(info.group, info.version);
    const base = info.namespaced
      ? `${root}/namespaces/{namespace}/${info.resource}`
      : `${root}/${info.resource}`;
    const out: Path[] = [];
    if (info.namespaced && info.verbs.includes('list'))
      out.push({ path: `${root}/${info.resource}`, inPath: [], operations: [this.list(true)] });
    const scope = info.namespaced ? ['namespace'] : [];
    const collection = [
      info.verbs.includes('list') && this.list(false),
      info.verbs.includes('create') && this.create(),
      info.verbs.includes('deletecollection') && this.deleteCollection(),
    ];
    push(out, base, scope, collection);
    const item = [
      info.verbs.includes('get') && this.get(),
      info.verbs.includes('update') && this.put(),
      info.verbs.includes('delete') && this.remove(),
      info.verbs.includes('patch') && this.patch(),
    ];
    push(out, `${base}/{name}`, ['name', ...scope], item);
    if (!info.custom && info.verbs.includes('watch'))
      this.watches(root, base.slice(root.length), scope, out);
    for (const sub of [...info.subresources.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
      this.subresource(sub, `${base}/{name}/${sub.name}`, ['name', ...scope], out);
    return out;
  }

  private id(verb: string, suffix = ''): string {
    const { group, version, namespaced, kind } = this.info;
    return (
      `${verb}${camel(shortGroup(group))}${camel(version)}${namespaced ? 'Namespaced' : ''}` +
      `${kind}${suffix}`
    );
  }

  private operation(
    method: Operation['method'],
    action: string,
    id: string,
    description: string,
    more: Partial<Operation>,
  ): Operation {
    const { group, version, kind, custom } = this.info;
    return {
      method,
      action,
      id,
      description,
      gvk: { group, version, kind },
      query: [],
      body: undefined,
      answer: this.own,
      codes: [200],
      watchable: false,
      custom,
      ...more,
    };
  }

  private list(everywhere: boolean): Operation {
    const { group, version, kind } = this.info;
    const id = everywhere
      ? `list${camel(shortGroup(group))}${camel(version)}${kind}ForAllNamespaces`
      : this.id('list');
    return this.operation('get', 'list', id, `list or watch objects of kind ${kind}`, {
      query: listQuery,
      answer: definitionName(this.info, this.info.listKind),
      watchable: true,
    });
  }

  /** The old way to watch, by a path of its own. */
  private watches(root: string, base: string, scope: string[], out: Path[]): void {
    const { group, version, kind, namespaced, resource } = this.info;
    const made = (action: string, id: string, description: string): Operation =>
      this.operation(
        'get',
        action,
        id,
        `${description} deprecated: use the 'watch' parameter with a list operation instead`,
        { query: listQuery, answer: `${meta}WatchEvent`, watchable: true },
      );
    const list = (id: string): Operation => {
      const operation = made('watchlist', id, `watch individual changes to a list of ${kind}.`);
      return { ...operation, description: `${operation.description}.` };
    };
    const one = made('watch', this.id('watch'), `watch changes to an object of kind ${kind}.`);
    one.description += ", filtered to a single item with the 'fieldSelector' parameter.";
    if (namespaced)
      push(
        out,
        `${root}/watch/${resource}`,
        [],
        [list(`watch${camel(shortGroup(group))}${camel(version)}${kind}ListForAllNamespaces`)],
      );
    push(out, `${root}/watch${base}`, scope, [list(this.id('watch', 'List'))]);
    push(out, `${root}/watch${base}/{name}`, ['name', ...scope], [one]);
  }

  private create(): Operation {
    return this.operation('post', 'post', this.id('create'), `create a ${this.info.kind}`, {
      query: writeQuery,
      body: { definition: this.own, required: true },
      codes: [200, 201, 202],
    });
  }

  private deleteCollection(): Operation {
    const body = { definition: `${meta}DeleteOptions`, required: false };
    const id = this.id('delete').replace(
      `Namespaced${this.info.kind}`,
      `CollectionNamespaced${this.info.kind}`,
    );
    const named = id.includes('Collection')
      ? id
      : id.replace(new RegExp(`${this.info.kind}$`), `Collection${this.info.kind}`);
    return this.operation(
      'delete',
      'deletecollection',
      named,
      `delete collection of ${this.info.kind}`,
      { query: collectionQuery, body, answer: `${meta}Status` },
    );
  }

  private get(): Operation {
    return this.operation(
      'get',
      'get',
      this.id('read'),
      `read the specified ${this.info.kind}`,
      this.info.custom ? { query: ['resourceVersion'] } : {},
    );
  }

  private put(): Operation {
    return this.operation(
      'put',
      'put',
      this.id('replace'),
      `replace the specified ${this.info.kind}`,
      { query: writeQuery, body: { definition: this.own, required: true }, codes: [200, 201] },
    );
  }

  private remove(): Operation {
    return this.operation('delete', 'delete', this.id('delete'), `delete a ${this.info.kind}`, {
      query: deleteQuery,
      body: { definition: `${meta}DeleteOptions`, required: false },
      answer: returnsDeleted.has(this.info.resource) ? this.own : `${meta}Status`,
      codes: [200, 202],
    });
  }

  private patch(): Operation {
    const codes = this.info.custom ? [200] : [200, 201];
    return this.operation(
      'patch',
      'patch',
      this.id('patch'),
      `partially update the specified ${this.info.kind}`,
      {
        query: [...writeQuery, 'force'],
        body: { definition: `${meta}Patch`, required: true },
        codes,
      },
    );
  }

  private subresource(sub: SubresourceInfo, path: string, inPath: string[], out: Path[]): void {
    if (sub.kind.endsWith('Options') || sub.name === 'log')
      return this.connect(sub, path, inPath, out);
    const kind = this.scheme.kind(sub.group, sub.version, sub.kind);
    const answer = kind ? definitionName(kind) : this.own;
    const suffix = sub.name.charAt(0).toUpperCase() + sub.name.slice(1);
    const more = { gvk: { group: sub.group, version: sub.version, kind: sub.kind }, answer };
    const body = { definition: answer, required: true };
    const of = `${sub.name} of the specified ${this.info.kind}`;
    push(out, path, inPath, [
      sub.verbs.includes('get') &&
        this.operation('get', 'get', this.id('read', suffix), `read ${of}`, more),
      sub.verbs.includes('update') &&
        this.operation('put', 'put', this.id('replace', suffix), `replace ${of}`, {
          ...more,
          query: writeQuery,
          body,
          codes: [200, 201],
        }),
      sub.verbs.includes('create') &&
        this.operation(
          'post',
          'post',
          this.id('create', suffix),
          `create ${sub.name} of a ${this.info.kind}`,
          { ...more, query: writeQuery, body, codes: [200, 201, 202] },
        ),
      sub.verbs.includes('patch') &&
        this.operation('patch', 'patch', this.id('patch', suffix), `partially update ${of}`, {
          ...more,
          query: [...writeQuery, 'force'],
          body: { definition: `${meta}Patch`, required: true },
          codes: [200, 201],
        }),
    ]);
  }

  /** Streams and proxies: text in, text out, options in the query. */
  private connect(sub: SubresourceInfo, path: string, inPath: string[], out: Path[]): void {
    const log = sub.name === 'log';
    const query = optionsOf(log ? 'PodLogOptions' : sub.kind);
    const methods: [string, Operation['method']][] = [
      ['get', 'get'],
      ['update', 'put'],
      ['create', 'post'],
      ['delete', 'delete'],
      ['patch', 'patch'],
    ];
    const used = methods.filter(([verb]) => sub.verbs.includes(verb)).map(([, method]) => method);
    if (sub.name === 'proxy') used.push('options', 'head');
    const suffix = sub.name.charAt(0).toUpperCase() + sub.name.slice(1);
    const gvk = { group: sub.group, version: sub.version, kind: sub.kind };
    const make = (tail: string): Operation[] =>
      used.map((method) => {
        const verb = log
          ? 'read'
          : `connect${camel(shortGroup(this.info.group))}${camel(this.info.version)}` +
            `${camel(method)}`;
        const id = log
          ? this.id('read', suffix)
          : `${verb}${this.info.namespaced ? 'Namespaced' : ''}${this.info.kind}${suffix}${tail}`;
        return this.operation(
          method,
          log ? 'get' : 'connect',
          id,
          log
            ? `read log of the specified ${this.info.kind}`
            : `connect ${method.toUpperCase()} requests to ${sub.name} of ${this.info.kind}`,
          { gvk, query, answer: undefined, ...(log ? { log } : {}) },
        );
      });
    out.push({ path, inPath, operations: make('') });
    if (sub.name === 'proxy')
      out.push({
        path: `${path}/{path}`,
        inPath: [...inPath, 'path'],
        operations: make('WithPath'),
      });
  }
}

/** What every operation of a path takes stands once, on the path. */
export function sharedQuery(path: Path): string[] {
  return (path.operations[0]?.query ?? []).filter((name) =>
    path.operations.every((operation) => operation.query.includes(name)),
  );
}

/** Whether a path's answers can be asked for in a readable form. */
export const takesPretty = (path: Path): boolean =>
  path.operations.some(
    (operation) => (operation.answer !== undefined || operation.log === true) && operation.action,
  );

export function describeInPath(path: Path, name: string): string {
  const kind = path.operations[0]?.gvk?.kind;
  return name === 'name' && kind ? `name of the ${kind}` : (parameterDescriptions[name] ?? name);
}

function push(
  out: Path[],
  path: string,
  inPath: readonly string[],
  operations: (Operation | false)[],
): void {
  const kept = operations.filter((operation) => operation !== false);
  if (kept.length) out.push({ path, inPath, operations: kept });
}

function optionsOf(kind: string): string[] {
  const name = `io.k8s.api.core.v1.${kind}`;
  if (!hasType(name)) return [];
  return jsonOrder(rawType(name)).flatMap((field) => {
    const type =
      field.t === 'bool' ? 'boolean' : /int(32|64)$/.test(field.t) ? 'integer' : undefined;
    if (field.n && type) typesOfQuery[field.n] ??= type;
    // A time is not a parameter that Kubernetes publishes, though it takes one.
    return field.n && field.t !== 'Time' ? [field.n] : [];
  });
}
