import { ApiError } from '../api/status.ts';
import type { ResourceRef } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import { networkGroup } from '../pki/node-certificates.ts';

const rbac = (resource: string, kind: string): ResourceRef => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource,
  kind,
  namespaced: false,
});
const name = networkGroup;
const read = ['get', 'list', 'watch'];

/**
 * What the network of a node reads: ways to other nodes, Services and their endpoints, and what
 * NetworkPolicies select. All of the cluster, because pods may speak to all of it.
 */
const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  rules: [
    { apiGroups: [''], resources: ['nodes', 'namespaces', 'pods', 'services'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['networkpolicies', 'servicecidrs'],
      verbs: read,
    },
  ],
};
const binding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: networkGroup }],
};

/** Lets the network of every node read what it needs. */
export async function ensureNetworkRole(client: Client): Promise<void> {
  await Promise.all([
    ensure(client, rbac('clusterroles', 'ClusterRole'), role),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), binding),
  ]);
}

/** Writes only what is not there as it should be: a start must not wear the disk. */
async function ensure(client: Client, ref: ResourceRef, object: typeof role | typeof binding) {
  try {
    const there = await client.get<Record<string, unknown>>(ref, { name });
    const same = Object.entries(object).every(
      ([key, value]) => key === 'metadata' || JSON.stringify(there[key]) === JSON.stringify(value),
    );
    if (!same)
      await client.patch(ref, { name }, { type: 'merge', body: object }, { fieldManager: 'skiff' });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    await client.create(ref, object).catch((failure: unknown) => {
      if (!(failure instanceof ApiError && failure.reason === 'AlreadyExists')) throw failure;
    });
  }
}
