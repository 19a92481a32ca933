import type { Volume, VolumeProjection } from '../generated/types/core-v1.ts';

interface Place {
  path: string;
  source: string;
}

const quoted = JSON.stringify;
const shown = (place: Place): string =>
  place.source ? `${quoted(place.path)} (${place.source})` : quoted(place.path);
const trimmed = (path: string): string => path.replace(/\/+$/, '');

/** Files of one volume that would hide each other. */
export function overlappingPaths(volumes: readonly Volume[]): string[] {
  return volumes.flatMap((volume) => {
    const say =
      (what: string) =>
      (body: string): string =>
        `volume ${quoted(volume.name)} (${what}): overlapping paths: ${body}`;
    const { configMap, secret, downwardAPI, projected } = volume;
    return [
      ...(configMap?.items
        ? clashes(places(configMap.items, '')).map(say(`ConfigMap ${quoted(configMap.name ?? '')}`))
        : []),
      ...(secret?.items
        ? clashes(places(secret.items, '')).map(say(`Secret ${quoted(secret.secretName ?? '')}`))
        : []),
      ...(downwardAPI?.items ? clashes(places(downwardAPI.items, '')).map(say('DownwardAPI')) : []),
      ...(projected
        ? projectedWarnings(volume.name, projected.sources ?? [], say('Projected'))
        : []),
    ];
  });
}

function projectedWarnings(
  name: string,
  sources: readonly VolumeProjection[],
  say: (body: string) => string,
): string[] {
  const empty = sources
    .filter((source) => Object.keys(source).length === 0)
    .map(() => `volume ${quoted(name)} (Projected) has no sources provided`);
  return [...empty, ...clashes(sources.flatMap(sourcePlaces)).map(say)];
}

function sourcePlaces(source: VolumeProjection): Place[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  if (configMap?.items) return places(configMap.items, `ConfigMap ${quoted(configMap.name ?? '')}`);
  if (secret?.items) return places(secret.items, `Secret ${quoted(secret.name ?? '')}`);
  if (downwardAPI?.items) return places(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken)
    return [{ path: serviceAccountToken.path, source: 'ServiceAccountToken' }];
  if (clusterTrustBundle)
    return [
      {
        path: clusterTrustBundle.path,
        source:
          'ClusterTrustBundle ' +
          `${quoted(clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? '')}`,
      },
    ];
  return [];
}

function places(items: readonly { path: string }[], source: string): Place[] {
  return items.map(({ path }) => ({ path, source }));
}

function clashes(all: readonly Place[]): string[] {
  const warnings: string[] = [];
  const before: Place[] = [];
  for (const given of all) {
    const place = { ...given, path: trimmed(given.path) };
    for (const other of before)
      if (overlaps(place, other)) warnings.push(`${shown(place)} with ${shown(other)}`);
    before.push(place);
  }
  return warnings;
}

function overlaps(a: Place, b: Place): boolean {
  if (a.path === '' || b.path === '') return false;
  return `${a.path}/`.startsWith(`${b.path}/`) || `${b.path}/`.startsWith(`${a.path}/`);
}
