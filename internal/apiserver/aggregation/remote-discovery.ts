import { Buffer } from 'node:buffer';
import type { APIResource, APIResourceList } from '../../api/generated/types/meta-v1.ts';
import type { DialTarget } from '../../io/dial.ts';
import type { DiscoveredResource, Subresource } from '../registry/resource.ts';
import type { Server } from '../server.ts';

const timeoutMs = 5000;
const maxDocumentBytes = 4 * 1024 * 1024;

/** What another API server says it serves for one group version: its legacy list, as `DiscoveredResource`s. Throws when it does not answer. */
export async function fetchResources(server: Server, target: DialTarget, group: string, version: string, headers: Record<string, string | string[]>): Promise<DiscoveredResource[]> {
  const done = await server.options.dial.request('aggregation.discovery', target, { method: 'GET', path: `/apis/${group}/${version}`, headers: { ...headers, accept: 'application/json' }, timeoutMs });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of done.message) {
    size += (chunk as Buffer).length;
    if (size > maxDocumentBytes) throw new Error('the document is too large');
    chunks.push(chunk as Buffer);
  }
  const { statusCode = 0 } = done.message;
  if (statusCode < 200 || statusCode > 299) throw new Error(`bad status from https://${target.host}:${target.port}/apis/${group}/${version}: ${statusCode}`);
  const list = JSON.parse(Buffer.concat(chunks).toString()) as APIResourceList;
  return (list.resources ?? []).filter((one) => !one.name.includes('/')).map((one) => discovered(group, version, one, list.resources ?? []));
}

function discovered(group: string, version: string, one: APIResource, all: readonly APIResource[]): DiscoveredResource {
  const subresources = new Map<string, Subresource>();
  for (const other of all) {
    if (!other.name.startsWith(`${one.name}/`)) continue;
    const name = other.name.slice(one.name.length + 1);
    subresources.set(name, { name, group: other.group ?? group, version: other.version ?? version, kind: other.kind, verbs: other.verbs as unknown as string[] });
  }
  return {
    group, version, resource: one.name, singular: one.singularName, kind: one.kind, namespaced: one.namespaced, verbs: one.verbs as unknown as string[],
    shortNames: one.shortNames ?? [], categories: one.categories ?? [], subresources, ...(one.storageVersionHash ? { storageHash: one.storageVersionHash } : {}),
  };
}
