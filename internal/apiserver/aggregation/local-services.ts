import type { KubeObject } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { ApiError } from '../../api/status.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import { deleteObject } from '../registry/delete.ts';
import { objectOf } from '../registry/stored.ts';
import { writeNew, read } from '../registry/write.ts';
import type { Server } from '../server.ts';

const ref = { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' };
const customPriority = [1000, 100] as const;

/**
 * An APIService for each group version that this server answers itself, as kube-aggregator
 * registers them.
 */
export async function ensureLocalServices(server: Server): Promise<void> {
  const wanted = server.scheme
    .groups()
    .flatMap((group) =>
      group.versions.map((version) => ({
        group: group.name,
        version,
        priority: group.priority[version] ?? [17000, 15],
      })),
    );
  await Promise.all(
    wanted.map((one) => ensureLocal(server, one.group, one.version, one.priority, 'onstart')),
  );
}

export async function ensureCustomService(
  server: Server,
  group: string,
  version: string,
): Promise<void> {
  await ensureLocal(server, group, version, customPriority, 'true');
}

export async function removeCustomService(
  server: Server,
  group: string,
  version: string,
): Promise<void> {
  const name = `${version}.${group}`;
  try {
    await deleteObject(server.core, systemCall(server.core, ref, '', name), {});
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
  }
}

/** metrics.k8s.io, where this process answers it, with the priority of metrics-server. */
export async function ensureMetricsService(server: Server): Promise<void> {
  await ensureLocal(server, 'metrics.k8s.io', 'v1beta1', [100, 100], 'onstart');
}

/** `--disable metrics-server`: what was made above would be in the way of another's. */
export async function removeMetricsService(server: Server): Promise<void> {
  const name = 'v1beta1.metrics.k8s.io';
  const { resource } = systemCall(server.core, ref, '', name);
  const kv = await read(server.core, resource, '', name);
  const found = kv && objectOf(kv);
  const ours = found?.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'] === 'onstart';
  if (ours) await removeCustomService(server, 'metrics.k8s.io', 'v1beta1');
}

async function ensureLocal(
  server: Server,
  group: string,
  version: string,
  priority: readonly [number, number],
  managed: string,
): Promise<void> {
  const { core } = server;
  const name = `${version}.${group}`;
  const { resource } = systemCall(core, ref, '', name);
  if (await read(core, resource, '', name)) return;
  const now = timeOf(core.clock.now());
  const object = resource.engine.normalize({
    kind: 'APIService',
    apiVersion: 'apiregistration.k8s.io/v1',
    metadata: {
      name,
      uid: core.random.uuid(),
      creationTimestamp: now,
      labels: { 'kube-aggregator.kubernetes.io/automanaged': managed },
    },
    spec: {
      ...(group ? { group } : {}),
      version,
      groupPriorityMinimum: priority[0],
      versionPriority: priority[1],
    },
    status: {
      conditions: [
        {
          type: 'Available',
          status: 'True',
          lastTransitionTime: now,
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ],
    },
  }).object as KubeObject;
  try {
    await writeNew(core, resource, object);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
  }
}
