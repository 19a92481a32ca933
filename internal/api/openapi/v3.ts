import type { Scheme } from '../scheme.ts';
import { customDefinition, customList } from './custom.ts';
import { definitionOf, reachable, refTo, type Json } from './definitions.ts';
import { parameterDescriptions } from './descriptions.ts';
import {
  definitionName,
  describeInPath,
  pathsOf,
  sharedQuery,
  tagOf,
  takesPretty,
  typesOfQuery,
  type Operation,
  type Path,
} from './operations.ts';
import type { Summary } from './summaries.ts';

const words: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

/** The OpenAPI 3 document of one group version. */
export function documentV3(scheme: Scheme, group: string, version: string): Json {
  const gv = group ? `${group}/${version}` : `/${version}`;
  const own = new Map(
    [...scheme.resources()]
      .filter((info) => info.custom && info.group === group && info.version === version)
      .flatMap((info) => [
        [definitionName(info), () => customDefinition(info, 3)] as const,
        [definitionName(info, info.listKind), () => customList(info, 3)] as const,
      ]),
  );
  const tag = tagOf(group, version);
  const paths: Json = {};
  for (const path of pathsOf(scheme, group, version).sort((a, b) => (a.path < b.path ? -1 : 1)))
    paths[path.path] = pathItem(path, tag);
  return documentOf(
    paths,
    reachable(
      [paths, ...(own.size ? [refTo('io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent', 3)] : [])],
      3,
      (name) => own.get(name)?.() ?? definitionOf(name, 3, [gv]),
    ),
  );
}

/** The OpenAPI 3 document of one path that is about the API itself. */
export function summaryV3({ path, tag }: Summary): Json {
  const paths = { [path.path]: pathItem(path, tag) };
  return documentOf(
    paths,
    reachable([paths], 3, (name) => definitionOf(name, 3, [])),
  );
}

function documentOf(paths: Json, schemas: Map<string, Json>): Json {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: '1.36' },
    paths,
    components: {
      ...(schemas.size
        ? { schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))) }
        : {}),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  };
}

function pathItem(path: Path, tag: string): Json {
  const shared = sharedQuery(path);
  const out: Json = {};
  for (const operation of path.operations)
    out[operation.method] = render(operation, tag, new Set(shared));
  const parameters = [
    ...path.inPath.map((name) => ({
      name,
      in: 'path',
      description: describeInPath(path, name),
      required: true,
      schema: { type: 'string', uniqueItems: true },
    })),
    ...shared.map(queryParameter),
    ...(takesPretty(path) ? [queryParameter('pretty')] : []),
  ];
  if (parameters.length) out['parameters'] = parameters.sort((a, b) => (a.name < b.name ? -1 : 1));
  return out;
}

function queryParameter(name: string): { name: string } & Json {
  return {
    name,
    in: 'query',
    description: parameterDescriptions[name] ?? name,
    schema: { type: typesOfQuery[name] ?? 'string', uniqueItems: true },
  };
}

function mediaTypes(operation: Operation): string[] {
  if (operation.media) return [...operation.media.produces].sort();
  if (operation.log)
    return [
      'application/json',
      'application/vnd.kubernetes.protobuf',
      'application/yaml',
      'text/plain',
    ];
  if (operation.answer === undefined) return ['*/*'];
  const types = ['application/json'];
  if (operation.watchable) types.push('application/json;stream=watch');
  if (!operation.custom) types.push('application/vnd.kubernetes.protobuf');
  if (!operation.custom && operation.watchable)
    types.push('application/vnd.kubernetes.protobuf;stream=watch');
  return [...types, 'application/yaml'];
}

function render(operation: Operation, tag: string, shared: ReadonlySet<string>): Json {
  const schema = operation.answer === undefined ? { type: 'string' } : refTo(operation.answer, 3);
  const content = (): Json =>
    Object.fromEntries(mediaTypes(operation).map((type) => [type, { schema }]));
  const responses: Json = {};
  for (const code of operation.codes)
    responses[code] = { description: words[code] ?? '', content: content() };
  responses[401] = { description: 'Unauthorized' };
  const own = operation.query.filter((name) => !shared.has(name));
  return {
    tags: [tag],
    description: operation.description,
    operationId: operation.id,
    ...(own.length ? { parameters: own.map(queryParameter) } : {}),
    ...(operation.body ? { requestBody: requestBody(operation) } : {}),
    responses,
    ...(operation.action ? { 'x-kubernetes-action': operation.action } : {}),
    ...(operation.gvk ? { 'x-kubernetes-group-version-kind': operation.gvk } : {}),
  };
}

function requestBody(operation: Operation): Json {
  const schema = refTo(operation.body?.definition ?? '', 3);
  const types =
    operation.method !== 'patch'
      ? operation.custom
        ? ['application/json', 'application/yaml']
        : ['*/*']
      : patchTypes(operation.custom);
  return {
    content: Object.fromEntries(types.map((type) => [type, { schema }])),
    ...(operation.body?.required ? { required: true } : {}),
  };
}

function patchTypes(custom: boolean): string[] {
  const types = [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ];
  return custom
    ? types
    : [
        'application/apply-patch+yaml',
        'application/json-patch+json',
        'application/merge-patch+json',
        'application/strategic-merge-patch+json',
      ];
}
