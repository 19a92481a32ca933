/**
 * Which methods each path of a real kube-apiserver takes, as a table:
 * internal/apiserver/http/method-table.oracle.txt is its answer.
 *
 *     node test/conformance/methods.ts KUBECONFIG > internal/apiserver/http/method-table.oracle.txt
 *
 * Asks as the administrator, for objects and a namespace that do not exist, and always as a dry
 * run: nothing is changed. A block of the table names resources (`group/version/resource`) and says
 * of each place which methods are not 405 there; places that are no path at all are left out.
 */
import { list, Target, type Json } from '../attacks/target.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const atOnce = 1;

interface Resource {
  base: string;
  id: string;
  name: string;
  namespaced: boolean;
  parts: string[];
}

/** Every place of a resource: what the test reads back with `place` filled in the same way. */
function placesOf(resource: Pick<Resource, 'name' | 'parts'>): string[] {
  const { name, parts } = resource;
  const objects = [
    name,
    `${name}/nonesuch`,
    ...[...parts, 'nonesuch'].flatMap((part) => [
      `${name}/nonesuch/${part}`,
      `${name}/nonesuch/${part}/more`,
    ]),
  ];
  return ['', 'watch/', 'proxy/'].flatMap((prefix) =>
    ['', 'namespaces/nonesuch/'].flatMap((scope) =>
      objects.map((object) => `${prefix}${scope}${object}`),
    ),
  );
}

async function resourcesOf(target: Target, base: string): Promise<Resource[]> {
  const all = list(await target.must('GET', base), 'resources');
  const named = (one: Json): string => String(one['name']);
  return all
    .filter((one) => !named(one).includes('/'))
    .map((one) => ({
      base,
      id: `${base.replace(/^\/apis?\//, '')}/${named(one)}`,
      name: named(one),
      namespaced: one['namespaced'] === true,
      parts: all
        .map(named)
        .filter((other) => other.startsWith(`${named(one)}/`))
        .map((other) => other.slice(named(one).length + 1))
        .sort(),
    }));
}

const nothing = '?dryRun=All&fieldSelector=metadata.name%3Dnonesuch&timeoutSeconds=1';

async function taken(target: Target, path: string): Promise<string> {
  const answers = await Promise.all(
    methods.map((method) =>
      target.call({
        method,
        path: path + nothing,
        body: ['POST', 'PUT', 'PATCH'].includes(method) ? {} : undefined,
        type: method === 'PATCH' ? 'application/merge-patch+json' : undefined,
      }),
    ),
  );
  const get = answers[0];
  const noPath = (text: string): boolean =>
    text.includes('the server could not find the requested resource') ||
    text.startsWith('404 page not found');
  if (get && get.status === 404 && noPath(get.text)) return '';
  return methods.filter((_, i) => answers[i]?.status !== 405).join(' ');
}

async function main(kubeconfig: string): Promise<void> {
  const target = new Target(kubeconfig);
  const groups = list(await target.must('GET', '/apis'), 'groups').flatMap((group) =>
    list(group, 'versions').map((version) => `/apis/${String(version['groupVersion'])}`),
  );
  const resources = (
    await Promise.all(['/api/v1', ...groups].map((base) => resourcesOf(target, base)))
  ).flat();
  const blocks = new Map<string, string[]>();
  for (let i = 0; i < resources.length; i += atOnce) {
    const done = await Promise.all(
      resources.slice(i, i + atOnce).map(async (resource) => {
        const places = placesOf(resource);
        const found = await Promise.all(
          places.map((place) => taken(target, `${resource.base}/${place}`)),
        );
        const lines = places
          .map((place, at) => `  ${place.replaceAll(resource.name, '*')}: ${found[at]}`)
          .filter((_, at) => found[at] !== '');
        return [lines.join('\n'), resource.id] as const;
      }),
    );
    for (const [block, id] of done) blocks.set(block, [...(blocks.get(block) ?? []), id]);
  }
  for (const [block, ids] of blocks) process.stdout.write(`${ids.sort().join(' ')}\n${block}\n`);
  await target.close();
}

const [kubeconfig] = process.argv.slice(2);
if (import.meta.main && kubeconfig) await main(kubeconfig);
