import { adminPolicyGroup, adminPolicyRefs } from '../api/networking/admin-policy.ts';
import { gatewayGroup, gatewayRefs } from '../api/gateway/types.ts';
import type { Client } from '../client/client.ts';
import { gatewayAccount } from '../controllers/gateway/gateway.ts';
import { ingressAccount } from '../controllers/ingress/ingress.ts';
import { networkGroup } from '../pki/node-certificates.ts';
import { ingressSettingsName } from './node-ingress.ts';
import { dnsSettingsName } from './node-network.ts';
import { ensure, rbac } from './own-objects.ts';

const name = networkGroup;
const read = ['get', 'list', 'watch'];
const gatewayKinds = Object.values(gatewayRefs).map(({ resource }) => resource);

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
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: [dnsSettingsName, ingressSettingsName],
      verbs: read,
    },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['networkpolicies', 'servicecidrs', 'ingresses', 'ingressclasses'],
      verbs: read,
    },
    { apiGroups: [gatewayGroup], resources: gatewayKinds, verbs: read },
    {
      apiGroups: [adminPolicyGroup],
      resources: Object.values(adminPolicyRefs).map(({ resource }) => resource),
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

const gatewayName = `system:controller:${gatewayAccount}`;
const gatewayReads = ['nodes', 'services', 'namespaces', 'secrets', 'configmaps'];
const gatewayRole = {
  ...role,
  metadata: { ...role.metadata, name: gatewayName },
  rules: [
    { apiGroups: [''], resources: gatewayReads, verbs: read },
    { apiGroups: [gatewayGroup], resources: gatewayKinds, verbs: read },
    {
      apiGroups: [gatewayGroup],
      resources: gatewayKinds.map((resource) => `${resource}/status`),
      verbs: ['patch', 'update'],
    },
  ],
};
const gatewayBinding = {
  ...binding,
  metadata: { ...binding.metadata, name: gatewayName },
  roleRef: { ...binding.roleRef, name: gatewayName },
  subjects: [{ kind: 'ServiceAccount', namespace: 'kube-system', name: gatewayAccount }],
};

/** Lets the network of every node read what it needs, and our own controller do its work. */
export async function ensureNetworkRole(client: Client): Promise<void> {
  await Promise.all([
    ensure(client, rbac('clusterroles', 'ClusterRole'), role),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), binding),
    ensure(client, rbac('clusterroles', 'ClusterRole'), ingressRole),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), ingressBinding),
    ensure(client, rbac('clusterroles', 'ClusterRole'), gatewayRole),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), gatewayBinding),
  ]);
}
