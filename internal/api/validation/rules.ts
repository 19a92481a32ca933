import type { KubeObject } from '../object.ts';
import { customResourceDefinition } from './definitions.ts';
import { endpoints, endpointSlice } from './endpoints.ts';
import { pod } from './pod-rule.ts';
import type { Rule } from './rule.ts';
import { service } from './services.ts';
import { controllerRevision, daemonSet, deployment, podTemplate, replicaSet, replicationController, statefulSet } from './workloads.ts';

/** `group/Kind`, and where versions of one kind are checked differently `group/Kind/version`. */
const rules: Readonly<Record<string, Rule>> = {
  '/Pod': pod,
  '/PodTemplate': podTemplate,
  '/ReplicationController': replicationController,
  '/Service': service,
  '/Endpoints': endpoints,
  'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinition,
  'apps/ControllerRevision': controllerRevision,
  'apps/DaemonSet': daemonSet,
  'apps/Deployment': deployment,
  'apps/ReplicaSet': replicaSet,
  'apps/StatefulSet': statefulSet,
  'discovery.k8s.io/EndpointSlice': endpointSlice,
};

export function ruleOf(group: string, kind: string, version: string): Rule<KubeObject> | undefined {
  const rule = rules[`${group}/${kind}/${version}`] ?? rules[`${group}/${kind}`];
  // Each rule is written for the type of its kind, and the table says which kind that is.
  return rule as Rule<KubeObject> | undefined;
}
