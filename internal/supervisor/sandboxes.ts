import { basename } from 'node:path';
import { cniResultsDir, type CniResult } from '../agent/containerd/cni-results.ts';
import type { Disk } from '../io/disk.ts';

/** What our containerd's pod sandboxes made outside of our own folders. */
export interface Sandboxes {
  /** Network namespaces, by their names below netnsDir. */
  netns: Set<string>;
  /** What CNI noted of them. */
  notes: string[];
}

/**
 * Other runtimes name their network namespaces as ours does, so the name says nothing: ours are
 * those of the sandboxes in our containerd's folders, from the bundle while the sandbox runs, else
 * from CNI's note of its setup.
 */
export async function ownSandboxes(disk: Disk, places: Places): Promise<Sandboxes> {
  const bundles = `${places.runDir}/containerd/io.containerd.runtime.v2.task/k8s.io`;
  const running = await disk.list('sandboxes', bundles);
  const kept = await disk.list(
    'sandboxes',
    `${places.dataDir}/agent/containerd/io.containerd.grpc.v1.cri/sandboxes`,
  );
  const ids = new Set([...running, ...kept]);
  const found: Sandboxes = { netns: new Set(), notes: [] };
  for (const id of running) {
    const bundle = (await readJson(disk, `${bundles}/${id}/config.json`)) as Bundle | undefined;
    for (const namespace of bundle?.linux?.namespaces ?? [])
      if (namespace.type === 'network') take(found, namespace.path);
  }
  for (const name of await disk.list('sandboxes', cniResultsDir)) {
    const note = (await readJson(disk, `${cniResultsDir}/${name}`)) as CniResult | undefined;
    if (note?.containerId === undefined || !ids.has(note.containerId)) continue;
    found.notes.push(`${cniResultsDir}/${name}`);
    take(found, note.netns);
    for (const device of note.result?.interfaces ?? []) take(found, device.sandbox);
  }
  return found;
}

interface Bundle {
  linux?: { namespaces?: { type: string; path?: string }[] };
}

function take(found: Sandboxes, path: string | undefined): void {
  if (path !== undefined && /\/netns\/cni-[^/]+$/.test(path)) found.netns.add(basename(path));
}

async function readJson(disk: Disk, path: string): Promise<unknown> {
  try {
    const bytes = await disk.readIfThere('sandboxes', path);
    return bytes && JSON.parse(bytes.toString());
  } catch {
    return undefined; // torn by a power cut
  }
}

export interface Places {
  dataDir: string;
  runDir: string;
  /** Where the network namespaces of pods are mounted: /run/netns. */
  netnsDir: string;
}
