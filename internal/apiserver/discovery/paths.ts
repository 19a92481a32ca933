import { joinHostPort } from '../../base/addresses.ts';
import { send, type Exchange } from '../http/exchange.ts';
import type { Paths } from '../http/paths.ts';
import type { Scheme } from '../../api/scheme.ts';
import type { Server } from '../server.ts';
import { addDiscovery } from './discovery.ts';
import { addOpenApi } from './openapi.ts';

/** Documents: /version, discovery, OpenAPI, keys of service-account tokens, the index of paths. */
export function addDocumentPaths(scheme: Scheme, paths: Paths): void {
  paths.exact.set('/version', (server, exchange) => sendJson(exchange, versionInfo(server)));
  paths.exact.set('/.well-known/openid-configuration', (server, exchange) => {
    const { advertiseAddress } = server.options;
    const port = server.options.advertisePort ?? server.life.port;
    const own = `https://${joinHostPort(advertiseAddress, port)}/openid/v1/jwks`;
    sendJson(exchange, server.tokens.discovery(own), { 'cache-control': 'public, max-age=3600' });
  });
  paths.exact.set('/openid/v1/jwks', async (server, exchange) => {
    send(exchange, 200, 'application/jwk-set+json', JSON.stringify(await server.tokens.jwks()), {
      'cache-control': 'public, max-age=3600',
    });
  });
  addDiscovery(paths);
  addOpenApi(scheme, paths);
  paths.exact.set('/', (server, exchange) =>
    sendJson(exchange, { paths: [...indexOf(server)].sort() }),
  );
}

function sendJson(exchange: Exchange, value: unknown, extra?: Record<string, string>): void {
  send(
    exchange,
    200,
    'application/json',
    JSON.stringify(value, null, exchange.info.path === '/version' ? 2 : undefined),
    extra,
  );
}

function versionInfo(server: Server): object {
  const version = server.options.version ?? { gitVersion: 'v1.36.3+skiff' };
  const [, major = '1', minor = '36'] = /^v(\d+)\.(\d+)/.exec(version.gitVersion) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: version.gitVersion,
    gitCommit: version.gitCommit ?? '',
    gitTreeState: 'clean',
    buildDate: version.buildDate ?? '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

function indexOf({ core, routes }: Server): Set<string> {
  const all = new Set(['/api', '/apis', ...routes.exact].filter((path) => path !== '/'));
  for (const resource of core.resources.all()) {
    if (resource.group) all.add(`/apis/${resource.group}`);
    all.add(
      resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`,
    );
  }
  return all;
}
