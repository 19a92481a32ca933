import { methodNotAllowed, pathNotFound } from '../registry/no-route.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { RequestInfo } from './request-info.ts';

/**
 * Which verbs of a resource each method carries out, by place: the collection, one object, all
 * namespaces.
 */
const collection = new Map([
  ['GET', 'list'],
  ['POST', 'create'],
  ['DELETE', 'deletecollection'],
]);
const named = new Map([
  ['GET', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);
const everywhere = new Map([['GET', 'list']]);
/** Subresources are one object, and some of them take a POST or a connection. */
const part = new Map([
  ['GET', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
  ['POST', 'create'],
]);

/**
 * Refuses what kube-apiserver has no route for: a path that is none is 404, a method that a path
 * does not take is 405.
 */
export function checkRoute(resource: ServedResource, info: RequestInfo): void {
  const methods = methodsOf(resource, info);
  if (methods.length === 0) throw pathNotFound();
  if (!methods.includes(info.method)) throw methodNotAllowed();
}

/** The methods that a path takes; none where there is no such path. */
export function methodsOf(resource: ServedResource, info: RequestInfo): string[] {
  const hasName = info.parts.length > 1;
  const ofAll = resource.namespaced && info.namespace === '';
  if (info.prefix === 'proxy' || (!resource.namespaced && info.scoped) || (ofAll && hasName))
    return [];
  if (info.parts.slice(1).some((one) => one === '') && info.subresource !== 'proxy') return [];
  if (info.prefix === 'watch')
    return info.parts.length < 3 && resource.verbs.includes('watch') ? ['GET'] : [];
  if (info.parts.length > 2) return ofPart(resource, info);
  const all = hasName ? named : ofAll ? everywhere : collection;
  return withHead(
    [...all].filter(([, verb]) => resource.verbs.includes(verb)).map(([method]) => method),
    resource,
  );
}

function ofPart(resource: ServedResource, info: RequestInfo): string[] {
  const known = resource.subresources.get(info.subresource);
  if (!known || (info.parts.length > 3 && info.subresource !== 'proxy')) return [];
  const methods = [...part]
    .filter(([, verb]) => known.verbs.includes(verb))
    .map(([method]) => method);
  return info.subresource === 'proxy'
    ? [...methods, 'HEAD', 'OPTIONS']
    : withHead(methods, resource);
}

/** HEAD is a GET without a body, where upstream does not know the kind by its own routes. */
function withHead(methods: string[], resource: ServedResource): string[] {
  return resource.custom && methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}
