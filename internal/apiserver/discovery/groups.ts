import { groupsData } from '../../api/generated/kinds-data.ts';
import type { DiscoveredResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';

export interface GroupDocument {
  name: string;
  versions: { version: string; resources: DiscoveredResource[] }[];
}

interface GroupRow {
  group?: string;
  name?: string;
  g?: string;
  versions: string[];
}

/** Built-in groups in kube-apiserver's order; custom ones follow by name. */
export const groupOrder: string[] = groupsData
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as GroupRow)
  .map((row) => row.group ?? row.name ?? row.g ?? '');

const versionOrder = new Map<string, string[]>();
for (const line of groupsData.trim().split('\n')) {
  const row = JSON.parse(line) as GroupRow;
  versionOrder.set(row.group ?? row.name ?? row.g ?? '', row.versions);
}

const known = new WeakMap<Server, { generation: number; groups: GroupDocument[] }>();

/**
 * All served groups, versions by preference; worked out again only after a change of the resources.
 */
export function groupsOf(server: Server): GroupDocument[] {
  const { resources } = server.core;
  const cached = known.get(server);
  if (cached?.generation === resources.generation) return cached.groups;
  const byGroup = new Map<string, Map<string, DiscoveredResource[]>>();
  for (const resource of [...resources.all(), ...server.aggregator.resources()]) {
    const versions = byGroup.get(resource.group) ?? new Map<string, DiscoveredResource[]>();
    byGroup.set(resource.group, versions);
    versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource]);
  }
  const names = [...byGroup.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const groups = names.map((name) => {
    const versions = [...(byGroup.get(name) ?? [])].map(([version, list]) => ({
      version,
      resources: list.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
    }));
    const order = versionOrder.get(name);
    versions.sort((a, b) =>
      order
        ? order.indexOf(a.version) - order.indexOf(b.version)
        : compareVersions(a.version, b.version),
    );
    return { name, versions };
  });
  known.set(server, { generation: resources.generation, groups });
  return groups;
}

function rank(group: string): number {
  const at = groupOrder.indexOf(group);
  return at < 0 ? groupOrder.length : at;
}

/**
 * Kubernetes' version priority: v10, v2, v1, v11beta2, v1beta1, v1alpha1, then others by text. Best
 * first.
 */
function compareVersions(a: string, b: string): number {
  const parse = (text: string): [number, number, number] | undefined => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
    return match
      ? [
          match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0,
          Number(match[1]),
          Number(match[3] ?? 0),
        ]
      : undefined;
  };
  const left = parse(a);
  const right = parse(b);
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : 1;
  return right[0] - left[0] || right[1] - left[1] || right[2] - left[2];
}
