import type { ResourceRef } from '../api/object.ts';
import { ConfigError, SkiffError } from '../base/errors.ts';
import type { Client } from '../client/client.ts';

/** An object that words of a command line name. */
export interface Named {
  ref: ResourceRef;
  singular: string;
  name: string;
}

const op = 'resource';

interface Discovery {
  items?: {
    metadata?: { name?: string };
    versions?: { version: string; resources?: Discovered[] }[];
  }[];
}

interface Discovered {
  resource: string;
  responseKind?: { kind?: string };
  scope?: string;
  singularResource?: string;
  shortNames?: string[];
}

/** `TYPE/NAME` or `TYPE NAME`; the type as kubectl takes it: `deploy`, `deployments.apps`. */
export async function findResource(client: Client, words: string[]): Promise<Named> {
  const [type = '', name = '', ...more] = words.length === 1 ? words[0]!.split('/') : words;
  if (!type || !name || more.length)
    throw new ConfigError(`"${words.join(' ')}" is not TYPE/NAME`, { op, hint: 'deployment/web' });
  const wanted = type.toLowerCase();
  // The core first, then groups in the server's order, each in its preferred version.
  for (const path of ['/api', '/apis'])
    for (const { metadata, versions } of (await discovery(client, path)).items ?? []) {
      const group = metadata?.name ?? '';
      const [preferred] = versions ?? [];
      const found = preferred?.resources?.find((one) => isCalled(one, group, wanted));
      if (!found || !preferred) continue;
      const { resource, responseKind, scope, singularResource } = found;
      const kind = responseKind?.kind ?? '';
      const { version } = preferred;
      const ref = { group, version, resource, kind, namespaced: scope === 'Namespaced' };
      return { ref, singular: singularResource || kind.toLowerCase(), name };
    }
  throw new ConfigError(`the server has no resource "${type}"`, { op });
}

function isCalled(one: Discovered, group: string, wanted: string): boolean {
  const names = [
    one.resource,
    one.singularResource,
    one.responseKind?.kind,
    ...(one.shortNames ?? []),
  ];
  return names.some((name) => {
    const own = name?.toLowerCase();
    return own && (own === wanted || (group !== '' && `${own}.${group}` === wanted));
  });
}

async function discovery(client: Client, path: string): Promise<Discovery> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { status, body } = await client.raw({ method: 'GET', path, headers: { accept } });
  const answer = JSON.parse(body.toString()) as Discovery & { message?: string };
  if (status === 200) return answer;
  throw new SkiffError(answer.message ?? `${path}: status ${status}`, { code: 'DISCOVERY', op });
}
