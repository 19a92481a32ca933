import { ApiError } from '../api/status.ts';
import type { ResourceRef } from '../api/object.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';
import { ingressAccount } from '../controllers/ingress/ingress.ts';
import { networkGroup } from '../pki/node-certificates.ts';
import { dnsSettingsName } from './node-network.ts';

/** The kinds of roles and their bindings. */
export const rbac = (resource: string, kind: string): ResourceRef => ({
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
 * NetworkPolicies select, and Ingresses. All of the cluster, because pods may speak to all of it.
 */
const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  rules: [
    { apiGroups: [''], resources: ['nodes', 'namespaces', 'pods', 'services'], verbs: read },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: [dnsSettingsName], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['networkpolicies', 'servicecidrs', 'ingresses', 'ingressclasses'],
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

const ingressName = `system:controller:${ingressAccount}`;
const ingressRole = {
  ...role,
  metadata: { ...role.metadata, name: ingressName },
  rules: [
    { apiGroups: [''], resources: ['nodes', 'services'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: read },
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['ingresses/status'],
      verbs: ['patch', 'update'],
    },
    {
      apiGroups: ['', 'events.k8s.io'],
      resources: ['events'],
      verbs: ['create', 'patch', 'update'],
    },
  ],
};
const ingressBinding = {
  ...binding,
  metadata: { ...binding.metadata, name: ingressName },
  roleRef: { ...binding.roleRef, name: ingressName },
  subjects: [{ kind: 'ServiceAccount', namespace: 'kube-system', name: ingressAccount }],
};

/** Lets the network of every node read what it needs, and our own controller do its work. */
export async function ensureNetworkRole(client: Client): Promise<void> {
  await Promise.all([
    ensure(client, rbac('clusterroles', 'ClusterRole'), role),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), binding),
    ensure(client, rbac('clusterroles', 'ClusterRole'), ingressRole),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), ingressBinding),
  ]);
}

/** Writes only what is not there as it should be: a start must not wear the disk. */
export async function ensure(
  client: Client,
  ref: ResourceRef,
  object: { metadata: { name: string } },
): Promise<void> {
  const { name } = object.metadata;
  try {
    const there = await client.get<Record<string, unknown>>(ref, { name });
    const same = Object.entries(object).every(
      ([key, value]) => key === 'metadata' || isWithin(value, there[key]),
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

/** Whether all of `wanted` is in `there`: the server adds defaults. Lists are equal or not. */
function isWithin(wanted: unknown, there: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(there) &&
      wanted.length === there.length &&
      wanted.every((one, i) => isWithin(one, there[i]))
    );
  if (typeof wanted !== 'object' || wanted === null) return wanted === there;
  return (
    typeof there === 'object' &&
    there !== null &&
    Object.entries(wanted).every(([key, value]) =>
      isWithin(value, own(there as Record<string, unknown>, key)),
    )
  );
}
