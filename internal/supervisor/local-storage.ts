import { join } from 'node:path';
import type { ResourceRef } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { account } from '../controllers/localpath/local-path.ts';
import { provisioner } from '../controllers/localpath/volume.ts';
import type { ServerConfig } from './config.ts';
import { makeMissing, orUndefined, rbac } from './own-objects.ts';

const namespace = 'kube-system';
const managed = { 'app.kubernetes.io/managed-by': 'skiff' };
const role = 'local-path-provisioner-role';
const binding = 'local-path-provisioner-bind';

/** Where local volumes lie when no ConfigMap says otherwise. */
export const localStorageDir = (
  config: Pick<ServerConfig, 'dataDir' | 'localStoragePath'>,
): string => config.localStoragePath ?? join(config.dataDir, 'storage');

/** The objects of the local-path provisioner, under k3s' names. */
function objects(path: string): [ref: ResourceRef, object: Packaged][] {
  const nodePathMap = [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: [path] }];
  const read = ['get', 'list', 'watch'];
  return [
    [
      refs.serviceAccounts,
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: account } },
    ],
    [
      rbac('clusterroles', 'ClusterRole'),
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: role },
        rules: [
          { apiGroups: [''], resources: ['nodes', 'persistentvolumeclaims'], verbs: read },
          { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['update'] },
          { apiGroups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['update'] },
          {
            apiGroups: [''],
            resources: ['persistentvolumes'],
            verbs: [...read, 'create', 'update', 'delete'],
          },
          { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch', 'update'] },
          { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: read },
        ],
      },
    ],
    [
      rbac('clusterrolebindings', 'ClusterRoleBinding'),
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: binding },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', namespace, name: account }],
      },
    ],
    [
      refs.configMaps,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: 'local-path-config' },
        data: { 'config.json': `${JSON.stringify({ nodePathMap }, undefined, 2)}\n` },
      },
    ],
    [
      refs.storageClasses,
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: {
          name: 'local-path',
          annotations: {
            defaultVolumeType: 'local',
            'storageclass.kubernetes.io/is-default-class': 'true',
          },
        },
        provisioner,
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
        allowVolumeExpansion: true,
      },
    ],
  ];
}

interface Packaged {
  metadata: { namespace?: string; name: string; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/**
 * Makes the class `local-path` and what belongs to it where it is missing. What is there stays as
 * it is: an administrator may have other paths for some nodes, or another default class.
 */
export async function ensureLocalStorage(client: Client, config: ServerConfig): Promise<void> {
  const path = localStorageDir(config);
  await Promise.all(
    objects(path).map(([ref, object]) =>
      makeMissing(client, ref, { ...object, metadata: { ...object.metadata, labels: managed } }),
    ),
  );
}

/** `--disable local-storage`: takes away what was made above, and nothing of anybody else. */
export async function removeLocalStorage(client: Client): Promise<void> {
  for (const [ref, { metadata }] of objects('/').toReversed()) {
    const found = await orUndefined(
      client.get<{ metadata: { labels?: Record<string, string> } }>(ref, metadata),
    );
    if (found?.metadata.labels?.['app.kubernetes.io/managed-by'] !== 'skiff') continue;
    await orUndefined(client.delete(ref, metadata));
  }
}
