import type { KindInfo, Scheme } from '../scheme.ts';
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
import { summaries } from './summaries.ts';

const words: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

export interface DocumentV2 extends Json {
  paths: Json;
  definitions: Json;
  parameters: Json;
}

/** The OpenAPI 2 document of everything that is served. */
export function documentV2(scheme: Scheme): DocumentV2 {
  const versions = new Set<string>();
  const own = new Map<string, () => Json>();
  for (const info of scheme.resources()) {
    versions.add(`${info.group}/${info.version}`);
    if (info.custom) addCustom(info, own);
  }
  const groups = [...versions].sort();
  const paths: Json = {};
  for (const gv of groups) {
    const [group = '', version = ''] = gv.split('/');
    for (const path of pathsOf(scheme, group, version))
      paths[path.path] = pathItem(path, tagOf(group, version));
  }
  for (const { path, tag } of summaries(scheme).values()) paths[path.path] = pathItem(path, tag);
  // Kinds whose paths have no place in OpenAPI 2 are still published.
  const definitions = reachable(
    [paths, [...own.keys()].map((name) => refTo(name, 2))],
    2,
    (name) => own.get(name)?.() ?? definitionOf(name, 2, groups),
  );
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: '1.36' },
    paths: sorted(Object.entries(paths)),
    definitions: sorted([...definitions]),
    parameters: sharedParameters(),
    securityDefinitions: {
      BearerToken: {
        description: 'Bearer Token authentication',
        type: 'apiKey',
        name: 'authorization',
        in: 'header',
      },
    },
    security: [{ BearerToken: [] }],
  };
}

function addCustom(info: KindInfo, own: Map<string, () => Json>): void {
  own.set(definitionName(info), () => customDefinition(info, 2));
  own.set(definitionName(info, info.listKind), () => customList(info, 2));
}

function sorted(entries: [string, unknown][]): Json {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Parameters that repeat on every path are written once and pointed to; these stay in place because
 * clients look for them there.
 */
const inPlace = new Set(['dryRun', 'fieldValidation', 'name']);

function query(name: string): Json {
  return {
    uniqueItems: true,
    type: typesOfQuery[name] ?? 'string',
    description: parameterDescriptions[name] ?? name,
    name,
    in: 'query',
  };
}

function sharedParameters(): Json {
  const out: Json = {};
  for (const name of Object.keys(parameterDescriptions))
    if (!inPlace.has(name) && name !== 'namespace' && name !== 'path') out[name] = query(name);
  out['namespace'] = {
    uniqueItems: true,
    type: 'string',
    description: parameterDescriptions['namespace'] ?? '',
    name: 'namespace',
    in: 'path',
    required: true,
  };
  return sorted(Object.entries(out));
}

function queryParameter(name: string): Json {
  return inPlace.has(name) || name === 'path' || parameterDescriptions[name] === undefined
    ? query(name)
    : { $ref: `#/parameters/${name}` };
}

function pathItem(path: Path, tag: string): Json {
  const out: Json = {};
  const shared = sharedQuery(path);
  for (const operation of path.operations)
    out[operation.method] = render(operation, tag, new Set(shared));
  const inPath = (name: string): Json =>
    name === 'namespace'
      ? { $ref: '#/parameters/namespace' }
      : {
          uniqueItems: true,
          type: 'string',
          description: describeInPath(path, name),
          name,
          in: 'path',
          required: true,
        };
  const all = [
    ...path.inPath.map((name) => ({ name, parameter: inPath(name) })),
    ...[...shared, ...(takesPretty(path) ? ['pretty'] : [])].map((name) => ({
      name,
      parameter: queryParameter(name),
    })),
  ];
  const parameters = all
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ parameter }) => parameter);
  if (parameters.length) out['parameters'] = parameters;
  return out;
}

function produces(operation: Operation): readonly string[] {
  if (operation.media) return operation.media.produces;
  if (operation.log)
    return [
      'text/plain',
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
    ];
  if (operation.answer === undefined) return ['*/*'];
  const types = ['application/json', 'application/yaml'];
  if (!operation.custom) types.push('application/vnd.kubernetes.protobuf');
  if (operation.watchable) types.push('application/json;stream=watch');
  if (operation.watchable && !operation.custom)
    types.push('application/vnd.kubernetes.protobuf;stream=watch');
  return types;
}

const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

function consumes(operation: Operation): readonly string[] | undefined {
  if (operation.media) return operation.media.consumes;
  if (operation.method === 'patch' && operation.body)
    return operation.custom ? patches.filter((type) => !type.includes('strategic')) : patches;
  return operation.custom ? ['application/json', 'application/yaml'] : ['*/*'];
}

function render(operation: Operation, tag: string, shared: ReadonlySet<string>): Json {
  const schema = operation.answer === undefined ? { type: 'string' } : refTo(operation.answer, 2);
  const responses: Json = {};
  for (const code of operation.codes) responses[code] = { description: words[code] ?? '', schema };
  responses[401] = { description: 'Unauthorized' };
  const takes = consumes(operation);
  const parameters = operation.query.filter((name) => !shared.has(name)).map(queryParameter);
  if (operation.body) {
    const body = {
      name: 'body',
      in: 'body',
      ...(operation.body.required ? { required: true } : {}),
      schema: refTo(operation.body.definition, 2),
    };
    parameters.unshift(body);
  }
  return {
    description: operation.description,
    ...(takes ? { consumes: takes } : {}),
    produces: produces(operation),
    schemes: ['https'],
    tags: [tag],
    operationId: operation.id,
    ...(parameters.length ? { parameters } : {}),
    responses,
    ...(operation.action ? { 'x-kubernetes-action': operation.action } : {}),
    ...(operation.gvk ? { 'x-kubernetes-group-version-kind': operation.gvk } : {}),
  };
}
