import { table } from '../../base/own.ts';
import type { KubeObject } from '../object.ts';
import {
  mutatingBinding,
  mutatingPolicy,
  validatingBinding,
  validatingPolicy,
} from './admission-policies.ts';
import { apiService } from './api-services.ts';
import { autoscaler } from './autoscaling.ts';
import { certificateSigningRequest } from './certificate-requests.ts';
import { lease, podDisruptionBudget, priorityClass, runtimeClass } from './cluster-kinds.ts';
import { configMap, secret, serviceAccount } from './config.ts';
import { customResourceDefinition } from './definitions.ts';
import { deviceClass, resourceClaim, resourceClaimTemplate } from './devices.ts';
import { resourceSlice } from './resource-slices.ts';
import { endpoints, endpointSlice } from './endpoints.ts';
import { coreEvent, event } from './events.ts';
import { flowSchema, priorityLevel } from './flow-control.ts';
import { ingress, ingressClass } from './ingresses.ts';
import { cronJob, job } from './jobs.ts';
import { ipAddress, networkPolicy, serviceCidr } from './network-policies.ts';
import { namespace, node } from './nodes.ts';
import { pod } from './pod-rule.ts';
import { limitRange, resourceQuota } from './quotas.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from './rbac.ts';
import type { Rule } from './rule.ts';
import { service } from './services.ts';
import {
  csiDriver,
  csiNode,
  csiStorageCapacity,
  storageClass,
  volumeAttachment,
  volumeAttributesClass,
} from './storage.ts';
import { persistentVolume, persistentVolumeClaim } from './volume-records.ts';
import { webhookConfiguration } from './webhook-configurations.ts';
import {
  controllerRevision,
  daemonSet,
  deployment,
  podTemplate,
  replicaSet,
  replicationController,
  statefulSet,
} from './workloads.ts';

/** `group/Kind`, and where versions of one kind are checked differently `group/Kind/version`. */
const rules: Readonly<Record<string, Rule>> = table({
  '/ConfigMap': configMap,
  '/Event': coreEvent,
  '/LimitRange': limitRange,
  '/Namespace': namespace,
  '/Node': node,
  '/PersistentVolume': persistentVolume,
  '/PersistentVolumeClaim': persistentVolumeClaim,
  '/ResourceQuota': resourceQuota,
  '/Secret': secret,
  '/ServiceAccount': serviceAccount,
  '/Pod': pod,
  '/PodTemplate': podTemplate,
  '/ReplicationController': replicationController,
  '/Service': service,
  '/Endpoints': endpoints,
  'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinition,
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': mutatingPolicy,
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': mutatingBinding,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': webhookConfiguration,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': validatingPolicy,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': validatingBinding,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': webhookConfiguration,
  'apiregistration.k8s.io/APIService': apiService,
  'apps/ControllerRevision': controllerRevision,
  'apps/DaemonSet': daemonSet,
  'apps/Deployment': deployment,
  'apps/ReplicaSet': replicaSet,
  'apps/StatefulSet': statefulSet,
  'autoscaling/HorizontalPodAutoscaler': autoscaler,
  'batch/CronJob': cronJob,
  'batch/Job': job,
  'certificates.k8s.io/CertificateSigningRequest': certificateSigningRequest,
  'coordination.k8s.io/Lease': lease,
  'discovery.k8s.io/EndpointSlice': endpointSlice,
  'events.k8s.io/Event': event,
  'flowcontrol.apiserver.k8s.io/FlowSchema': flowSchema,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': priorityLevel,
  'networking.k8s.io/IPAddress': ipAddress,
  'networking.k8s.io/Ingress': ingress,
  'networking.k8s.io/IngressClass': ingressClass,
  'networking.k8s.io/NetworkPolicy': networkPolicy,
  'networking.k8s.io/ServiceCIDR': serviceCidr,
  'node.k8s.io/RuntimeClass': runtimeClass,
  'policy/PodDisruptionBudget': podDisruptionBudget,
  'rbac.authorization.k8s.io/ClusterRole': clusterRole,
  'rbac.authorization.k8s.io/ClusterRoleBinding': clusterRoleBinding,
  'rbac.authorization.k8s.io/Role': role,
  'rbac.authorization.k8s.io/RoleBinding': roleBinding,
  'resource.k8s.io/DeviceClass': deviceClass,
  'resource.k8s.io/ResourceClaim': resourceClaim,
  'resource.k8s.io/ResourceClaimTemplate': resourceClaimTemplate,
  'resource.k8s.io/ResourceSlice': resourceSlice,
  'scheduling.k8s.io/PriorityClass': priorityClass,
  'storage.k8s.io/CSIDriver': csiDriver,
  'storage.k8s.io/CSINode': csiNode,
  'storage.k8s.io/CSIStorageCapacity': csiStorageCapacity,
  'storage.k8s.io/StorageClass': storageClass,
  'storage.k8s.io/VolumeAttachment': volumeAttachment,
  'storage.k8s.io/VolumeAttributesClass': volumeAttributesClass,
});

export function ruleOf(group: string, kind: string, version: string): Rule<KubeObject> | undefined {
  const rule = rules[`${group}/${kind}/${version}`] ?? rules[`${group}/${kind}`];
  // Each rule is written for the type of its kind, and the table says which kind that is.
  return rule as Rule<KubeObject> | undefined;
}
