import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { builtinScheme } from '../../api/scheme.ts';
import { builtinResources } from '../registry/builtin-resources.ts';
import type { ServedResource } from '../registry/resource.ts';
import { methodsOf } from './method-table.ts';
import { readRequestInfo } from './request-info.ts';

// What a real kube-apiserver answered, made by test/conformance/methods.ts.
const table = readFileSync(new URL('method-table.oracle.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const served = new Map(
  builtinResources({ scheme: builtinScheme(), now: () => '' }).map((one) => [
    `${one.group ? `${one.group}/` : ''}${one.version}/${one.resource}`,
    one,
  ]),
);

/** Every place that the table could name, and what it says of it. */
function placesOf(resource: ServedResource): string[] {
  const objects = [
    '',
    '/nonesuch',
    ...[...resource.subresources.keys(), 'nonesuch'].flatMap((part) => [
      `/nonesuch/${part}`,
      `/nonesuch/${part}/more`,
    ]),
  ];
  return ['', 'watch/', 'proxy/'].flatMap((prefix) =>
    ['', 'namespaces/nonesuch/'].flatMap((scope) =>
      objects.map((object) => `${prefix}${scope}*${object}`),
    ),
  );
}

const blocks: { ids: string[]; places: Map<string, string> }[] = [];
for (const line of table) {
  const place = /^ {2}(.*): (.*)$/.exec(line);
  if (place) blocks.at(-1)?.places.set(place[1] ?? '', place[2] ?? '');
  else blocks.push({ ids: line.split(' '), places: new Map() });
}

describe('each method at each place, as the table of the real server has it', () => {
  test.each(blocks.flatMap(({ ids, places }) => ids.map((id) => [id, places] as const)))(
    '%s',
    (id, places) => {
      const resource = served.get(id);
      if (!resource) throw new Error(`${id} is not served`);
      const base = `/${resource.group ? `apis/${resource.group}` : 'api'}/${resource.version}`;
      const ours = (place: string): string => {
        const path = `${base}/${place.replaceAll('*', resource.resource)}`;
        return methods
          .filter((method) => {
            const info = readRequestInfo(method, path);
            // Namespaces have their places below each other's names.
            return (
              info.resource === resource.resource && methodsOf(resource, info).includes(method)
            );
          })
          .join(' ');
      };
      const all = placesOf(resource);
      expect(Object.fromEntries(all.map((place) => [place, ours(place)]))).toEqual(
        Object.fromEntries(all.map((place) => [place, places.get(place) ?? ''])),
      );
    },
  );

  test('no resource is missing in the table', () => {
    const listed = new Set(blocks.flatMap(({ ids }) => ids));
    const on = builtinScheme();
    const expected = [...on.resources()].map(
      (one) => `${one.group ? `${one.group}/` : ''}${one.version}/${one.resource}`,
    );
    expect(expected.filter((id) => !listed.has(id))).toEqual([]);
  });
});
