import type { APIResource, APIResourceList } from '../../api/generated/types/meta-v1.ts';
import type { DialTarget } from '../../io/dial.ts';
import { readAnswer } from '../proxy/read-answer.ts';
import type { DiscoveredResource, Subresource } from '../registry/resource.ts';
import type { Outward } from '../proxy/outward.ts';

const timeoutMs = 5000;
const maxDocumentBytes = 4 * 1024 * 1024;

/**
 * What another API server says it serves for one group version: its legacy list, as
 * `DiscoveredResource`s. Throws when it does not answer in time.
 */
export async function fetchResources(
  server: Outward,
  target: DialTarget,
  group: string,
  version: string,
  headers: Record<string, string | string[]>,
): Promise<DiscoveredResource[]> {
  const path = `/apis/${group}/${version}`;
  const abort = new AbortController();
  // The whole of it must be there by then: one that sends a byte now and then is not a server.
  const timer = server.core.clock.after('aggregation.timeout', timeoutMs, () =>
    abort.abort(new Error('context deadline exceeded')),
  );
  try {
    const done = await server.options.dial.request('aggregation.discovery', target, {
      method: 'GET',
      path,
      headers: { ...headers, accept: 'application/json' },
      signal: abort.signal,
    });
    if (done.kind === 'upgrade') {
      done.socket.destroy();
      throw new Error('the server switched protocols without being asked');
    }
    const text = (await readAnswer(done.message, maxDocumentBytes)).toString();
    const { statusCode = 0 } = done.message;
    if (statusCode < 200 || statusCode > 299)
      throw new Error(
        `bad status from https://${target.host}:${target.port}${path}: ${statusCode}`,
      );
    return discovered(group, version, (JSON.parse(text) as APIResourceList).resources ?? []);
  } finally {
    timer.cancel();
  }
}

function discovered(
  group: string,
  version: string,
  all: readonly APIResource[],
): DiscoveredResource[] {
  const subresources = new Map<string, Map<string, Subresource>>();
  for (const one of all) {
    const slash = one.name.indexOf('/');
    if (slash < 0) continue;
    const of = one.name.slice(0, slash);
    const name = one.name.slice(slash + 1);
    const known = subresources.get(of) ?? new Map<string, Subresource>();
    known.set(name, {
      name,
      group: one.group ?? group,
      version: one.version ?? version,
      kind: one.kind,
      verbs: one.verbs as string[],
    });
    subresources.set(of, known);
  }
  return all
    .filter((one) => !one.name.includes('/'))
    .map((one) => ({
      group,
      version,
      resource: one.name,
      singular: one.singularName,
      kind: one.kind,
      namespaced: one.namespaced,
      verbs: one.verbs as string[],
      shortNames: one.shortNames ?? [],
      categories: one.categories ?? [],
      subresources: subresources.get(one.name) ?? new Map(),
      ...(one.storageVersionHash ? { storageHash: one.storageVersionHash } : {}),
    }));
}
