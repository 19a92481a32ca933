import { createHash } from 'node:crypto';
import { acceptClauses } from '../http/negotiate.ts';
import { header, send, type Exchange } from '../http/exchange.ts';
import { sendNoPath } from '../http/exchange.ts';
import type { Paths } from '../http/paths.ts';
import { ApiError } from '../../api/status.ts';
import { apiVersion, type DiscoveredResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { groupOrder, type GroupDocument, groupsOf } from './groups.ts';

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** /api, /apis and below: the legacy documents and the aggregated one (KEP-3352). */
export function addDiscovery(paths: Paths): void {
  paths.exact.set('/api', (server, exchange) => {
    if (wantsAggregated(exchange))
      return sendTagged(exchange, aggregatedType, aggregated(server, true));
    const { advertiseAddress, advertisePort = server.life.port } = server.options;
    sendTagged(exchange, 'application/json', {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [
        { clientCIDR: '0.0.0.0/0', serverAddress: `${advertiseAddress}:${advertisePort}` },
      ],
    });
  });
  paths.exact.set('/apis', (server, exchange) => {
    if (wantsAggregated(exchange))
      return sendTagged(exchange, aggregatedType, aggregated(server, false));
    sendTagged(exchange, 'application/json', {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groupsOf(server)
        .filter((g) => g.name)
        .map((g) => legacyGroup(g)),
    });
  });
  paths.below.push([
    '/api/',
    (server, exchange) =>
      sendResources(server, exchange, '', exchange.info.path.split('/')[2] ?? ''),
  ]);
  paths.below.push([
    '/apis/',
    (server, exchange) => {
      const [, , group = '', version = ''] = exchange.info.path.split('/');
      const found = groupsOf(server).find((g) => g.name === group);
      if (!found) return sendNoPath(exchange);
      if (version) return sendResources(server, exchange, group, version);
      sendTagged(exchange, 'application/json', {
        kind: 'APIGroup',
        apiVersion: 'v1',
        ...legacyGroup(found),
      });
    },
  ]);
}

const nothing = (): ApiError =>
  new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });

function wantsAggregated(exchange: Exchange): boolean {
  for (const clause of acceptClauses(header(exchange.request, 'accept') ?? '')) {
    if (clause.params.get('as') === 'APIGroupDiscoveryList') {
      if (clause.params.get('v') === 'v2' && clause.params.get('g') === 'apidiscovery.k8s.io')
        return true;
      continue;
    }
    if (
      clause.type === 'application/json' ||
      clause.type === '*/*' ||
      clause.type === 'application/yaml'
    )
      return false;
  }
  return false;
}

/** With an ETag, so that a client that asks again gets 304. */
function sendTagged(exchange: Exchange, type: string, value: object): void {
  const body = JSON.stringify(value);
  const tag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  const extra = { etag: tag, vary: 'Accept', 'cache-control': 'public' };
  if (header(exchange.request, 'if-none-match') === tag) {
    (exchange.answer as import('node:http').ServerResponse).writeHead(304, extra).end();
    return;
  }
  send(exchange, 200, type, body, extra);
}

function legacyGroup(group: GroupDocument): object {
  const versions = group.versions.map((version) => ({
    groupVersion: `${group.name}/${version.version}`,
    version: version.version,
  }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function sendResources(server: Server, exchange: Exchange, group: string, version: string): void {
  const found = groupsOf(server)
    .find((g) => g.name === group)
    ?.versions.find((v) => v.version === version);
  if (!found) throw nothing();
  const list = {
    kind: 'APIResourceList',
    ...(group ? { apiVersion: 'v1' } : {}),
    groupVersion: apiVersion({ group, version }),
    resources: found.resources.flatMap(legacyResources),
  };
  sendTagged(exchange, 'application/json', list);
}

function legacyResources(resource: DiscoveredResource): object[] {
  const own = {
    name: resource.resource,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length ? { categories: resource.categories } : {}),
    ...(resource.storageHash ? { storageVersionHash: resource.storageHash } : {}),
  };
  const subs = [...resource.subresources.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((sub) => ({
      name: `${resource.resource}/${sub.name}`,
      singularName: '',
      namespaced: resource.namespaced,
      ...(sub.group !== resource.group || sub.version !== resource.version
        ? { ...(sub.group ? { group: sub.group } : {}), version: sub.version }
        : {}),
      kind: sub.kind,
      verbs: sub.verbs,
    }));
  return [own, ...subs];
}

function aggregated(server: Server, core: boolean): object {
  const items = groupsOf(server)
    .filter((group) => (group.name === '') === core)
    .map((group) => ({
      metadata: group.name ? { name: group.name } : {},
      versions: group.versions.map((version) => ({
        version: version.version,
        resources: version.resources.map((resource) => ({
          resource: resource.resource,
          responseKind: kindOf(resource, resource),
          scope: resource.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: resource.singular,
          verbs: resource.verbs,
          ...(resource.shortNames.length ? { shortNames: resource.shortNames } : {}),
          ...(resource.categories.length ? { categories: resource.categories } : {}),
          ...(resource.subresources.size
            ? {
                subresources: [...resource.subresources.values()]
                  .sort((a, b) => (a.name < b.name ? -1 : 1))
                  .map((sub) => ({
                    subresource: sub.name,
                    responseKind: kindOf(resource, sub),
                    verbs: sub.verbs,
                  })),
              }
            : {}),
        })),
        freshness: 'Current',
      })),
    }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items,
  };
}

/** Group and version are named only where they are not those the resource stands under. */
function kindOf(
  resource: DiscoveredResource,
  at: { group: string; version: string; kind: string },
): object {
  const same = at.group === resource.group && at.version === resource.version;
  return same
    ? { group: '', version: '', kind: at.kind }
    : { group: at.group, version: at.version, kind: at.kind };
}

export { groupOrder };
