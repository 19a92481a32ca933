import { join } from 'node:path';
import type { Disk } from '../../io/disk.ts';

/** A file or folder of k3s, and where skiff keeps the same, below each program's data directory. */
export interface FilePair {
  from: string;
  to: string;
  what: string;
}

export interface K3sFiles {
  /** Below `server`. */
  server: FilePair[];
  /** Below `agent`: static pods and image archives. */
  agent: FilePair[];
  /** Folders of the local-path provisioner. */
  volumes: string[];
}

const op = 'migrate';
/** The authorities: clients that trust k3s trust skiff, and tokens and kubeconfigs stay valid. */
const authorities = [
  'server-ca',
  'client-ca',
  'request-header-ca',
  'etcd/server-ca',
  'etcd/peer-ca',
].flatMap((name) => [`tls/${name}.crt`, `tls/${name}.key`]);
/** k3s' own components among its manifests. */
const packaged = new Set([
  'ccm.yaml',
  'coredns.yaml',
  'local-storage.yaml',
  'metrics-server',
  'rolebindings.yaml',
  'runtimes.yaml',
  'traefik.yaml',
]);

export async function findFiles(disk: Disk, k3s: string): Promise<K3sFiles> {
  const there = async (path: string): Promise<boolean> => (await disk.stat(op, path)) !== undefined;
  const server: FilePair[] = [];
  for (const file of [...authorities, 'tls/service.key']) {
    if (await there(join(k3s, 'server', file)))
      server.push({ from: join(k3s, 'server', file), to: file, what: 'authorities' });
  }
  if (await there(join(k3s, 'server/token')))
    server.push({ from: join(k3s, 'server/token'), to: 'token', what: 'token' });
  for (const name of (await disk.list(op, join(k3s, 'server/manifests'))).toSorted()) {
    if (!packaged.has(name.replace(/\.skip$/, '')) && !name.startsWith('.'))
      server.push({
        from: join(k3s, 'server/manifests', name),
        to: join('manifests', name),
        what: 'manifests',
      });
  }
  const agent: FilePair[] = [];
  for (const [folder, what] of [
    ['pod-manifests', 'static pods'],
    ['images', 'image archives'],
  ] as const) {
    for (const name of (await disk.list(op, join(k3s, 'agent', folder))).toSorted()) {
      if (!name.startsWith('.'))
        agent.push({ from: join(k3s, 'agent', folder, name), to: join(folder, name), what });
    }
  }
  const volumes = (await disk.list(op, join(k3s, 'storage')))
    .toSorted()
    .map((name) => join(k3s, 'storage', name));
  return { server, agent, volumes };
}
