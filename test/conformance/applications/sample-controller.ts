import { join } from 'node:path';
import { type TestCluster, until } from '../../e2e/node.ts';
import type { Application } from './application.ts';

const image = 'registry.k8s.io/sample-controller:v0.36.3';
const objects = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: sample-controller}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sample-controller}
rules:
- {apiGroups: [samplecontroller.k8s.io], resources: [foos, foos/status], verbs: [get, list, watch, update]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch, create, update]}
- {apiGroups: [''], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sample-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sample-controller}
subjects: [{kind: ServiceAccount, name: sample-controller, namespace: default}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sample-controller}
spec:
  selector: {matchLabels: {app: sample-controller}}
  template:
    metadata: {labels: {app: sample-controller}}
    spec:
      serviceAccountName: sample-controller
      containers: [{name: c, image: "${image}"}]
`;
const replicas = (cluster: TestCluster): string =>
  cluster.kubectl(['get', 'deployment', 'example-foo', '-o', 'jsonpath={.spec.replicas}']).stdout;

/** The operator that all others are copied from. */
export const sampleController: Application = {
  name: 'sample-controller 0.36',
  needs: ['sample-controller', 'manifests/sample-controller'],
  images: () => [{ name: image, programs: { '/sample-controller': 'sample-controller' } }],
  install(cluster, folder) {
    const file = (name: string): string => join(folder, 'manifests/sample-controller', name);
    cluster.k('apply', '-f', file('crd.yaml'));
    cluster.apply(objects);
    cluster.k('wait', '--for=condition=Established', 'crd/foos.samplecontroller.k8s.io');
    cluster.k('apply', '-f', file('example-foo.yaml'));
  },
  async check(cluster, again) {
    cluster.k('rollout', 'status', 'deployment/sample-controller', '--timeout=120s');
    const wanted = again ? 3 : 2;
    const spec = JSON.stringify({ spec: { replicas: wanted } });
    cluster.k('patch', 'foo', 'example-foo', '--type=merge', '-p', spec);
    await until('its Deployment follows', () => replicas(cluster) === String(wanted));
    const events = cluster.k('get', 'events', '--field-selector=reason=Synced');
    if (!events.includes('foo/example-foo')) throw new Error(`no event: ${events}`);
  },
};
