// Generated from the files of internal/api/kinds. Do not edit.
import { mutatingAdmissionPolicyBinding as k0 } from '../kinds/admissionregistration/mutating-admission-policy-binding.ts';
import { mutatingAdmissionPolicy as k1 } from '../kinds/admissionregistration/mutating-admission-policy.ts';
import { mutatingWebhookConfiguration as k2 } from '../kinds/admissionregistration/mutating-webhook-configuration.ts';
import { validatingAdmissionPolicyBinding as k3 } from '../kinds/admissionregistration/validating-admission-policy-binding.ts';
import { validatingAdmissionPolicy as k4 } from '../kinds/admissionregistration/validating-admission-policy.ts';
import { validatingWebhookConfiguration as k5 } from '../kinds/admissionregistration/validating-webhook-configuration.ts';
import { customResourceDefinition as k6 } from '../kinds/apiextensions/custom-resource-definition.ts';
import { apiService as k7 } from '../kinds/apiregistration/api-service.ts';
import { controllerRevision as k8 } from '../kinds/apps/controller-revision.ts';
import { daemonSet as k9 } from '../kinds/apps/daemon-set.ts';
import { deployment as k10 } from '../kinds/apps/deployment.ts';
import { replicaSet as k11 } from '../kinds/apps/replica-set.ts';
import { statefulSet as k12 } from '../kinds/apps/stateful-set.ts';
import { selfSubjectReview as k13 } from '../kinds/authentication/self-subject-review.ts';
import { tokenReview as k14 } from '../kinds/authentication/token-review.ts';
import { localSubjectAccessReview as k15 } from '../kinds/authorization/local-subject-access-review.ts';
import { selfSubjectAccessReview as k16 } from '../kinds/authorization/self-subject-access-review.ts';
import { selfSubjectRulesReview as k17 } from '../kinds/authorization/self-subject-rules-review.ts';
import { subjectAccessReview as k18 } from '../kinds/authorization/subject-access-review.ts';
import { horizontalPodAutoscaler as k19 } from '../kinds/autoscaling/horizontal-pod-autoscaler.ts';
import { cronJob as k20 } from '../kinds/batch/cron-job.ts';
import { job as k21 } from '../kinds/batch/job.ts';
import { certificateSigningRequest as k22 } from '../kinds/certificates/certificate-signing-request.ts';
import { clusterTrustBundle as k23 } from '../kinds/certificates/cluster-trust-bundle.ts';
import { podCertificateRequest as k24 } from '../kinds/certificates/pod-certificate-request.ts';
import { leaseCandidate as k25 } from '../kinds/coordination/lease-candidate.ts';
import { lease as k26 } from '../kinds/coordination/lease.ts';
import { binding as k27 } from '../kinds/core/binding.ts';
import { componentStatus as k28 } from '../kinds/core/component-status.ts';
import { configMap as k29 } from '../kinds/core/config-map.ts';
import { endpoints as k30 } from '../kinds/core/endpoints.ts';
import { event as k31 } from '../kinds/core/event.ts';
import { limitRange as k32 } from '../kinds/core/limit-range.ts';
import { namespace as k33 } from '../kinds/core/namespace.ts';
import { node as k34 } from '../kinds/core/node.ts';
import { persistentVolumeClaim as k35 } from '../kinds/core/persistent-volume-claim.ts';
import { persistentVolume as k36 } from '../kinds/core/persistent-volume.ts';
import { podTemplate as k37 } from '../kinds/core/pod-template.ts';
import { pod as k38 } from '../kinds/core/pod.ts';
import { replicationController as k39 } from '../kinds/core/replication-controller.ts';
import { resourceQuota as k40 } from '../kinds/core/resource-quota.ts';
import { secret as k41 } from '../kinds/core/secret.ts';
import { serviceAccount as k42 } from '../kinds/core/service-account.ts';
import { service as k43 } from '../kinds/core/service.ts';
import { endpointSlice as k44 } from '../kinds/discovery/endpoint-slice.ts';
import { event as k45 } from '../kinds/events/event.ts';
import { flowSchema as k46 } from '../kinds/flowcontrol/flow-schema.ts';
import { priorityLevelConfiguration as k47 } from '../kinds/flowcontrol/priority-level-configuration.ts';
import { storageVersion as k48 } from '../kinds/internal/storage-version.ts';
import { ingressClass as k49 } from '../kinds/networking/ingress-class.ts';
import { ingress as k50 } from '../kinds/networking/ingress.ts';
import { ipAddress as k51 } from '../kinds/networking/ip-address.ts';
import { networkPolicy as k52 } from '../kinds/networking/network-policy.ts';
import { serviceCidr as k53 } from '../kinds/networking/service-cidr.ts';
import { runtimeClass as k54 } from '../kinds/node/runtime-class.ts';
import { podDisruptionBudget as k55 } from '../kinds/policy/pod-disruption-budget.ts';
import { clusterRoleBinding as k56 } from '../kinds/rbac/cluster-role-binding.ts';
import { clusterRole as k57 } from '../kinds/rbac/cluster-role.ts';
import { roleBinding as k58 } from '../kinds/rbac/role-binding.ts';
import { role as k59 } from '../kinds/rbac/role.ts';
import { deviceClass as k60 } from '../kinds/resource/device-class.ts';
import { deviceTaintRule as k61 } from '../kinds/resource/device-taint-rule.ts';
import { resourceClaimTemplate as k62 } from '../kinds/resource/resource-claim-template.ts';
import { resourceClaim as k63 } from '../kinds/resource/resource-claim.ts';
import { resourcePoolStatusRequest as k64 } from '../kinds/resource/resource-pool-status-request.ts';
import { resourceSlice as k65 } from '../kinds/resource/resource-slice.ts';
import { podGroup as k66 } from '../kinds/scheduling/pod-group.ts';
import { priorityClass as k67 } from '../kinds/scheduling/priority-class.ts';
import { workload as k68 } from '../kinds/scheduling/workload.ts';
import { csiDriver as k69 } from '../kinds/storage/csi-driver.ts';
import { csiNode as k70 } from '../kinds/storage/csi-node.ts';
import { csiStorageCapacity as k71 } from '../kinds/storage/csi-storage-capacity.ts';
import { storageClass as k72 } from '../kinds/storage/storage-class.ts';
import { volumeAttachment as k73 } from '../kinds/storage/volume-attachment.ts';
import { volumeAttributesClass as k74 } from '../kinds/storage/volume-attributes-class.ts';
import { storageVersionMigration as k75 } from '../kinds/storagemigration/storage-version-migration.ts';
import type { AnyKind } from '../kinds/kind.ts';

export const rows: readonly AnyKind[] = [
  k0,
  k1,
  k2,
  k3,
  k4,
  k5,
  k6,
  k7,
  k8,
  k9,
  k10,
  k11,
  k12,
  k13,
  k14,
  k15,
  k16,
  k17,
  k18,
  k19,
  k20,
  k21,
  k22,
  k23,
  k24,
  k25,
  k26,
  k27,
  k28,
  k29,
  k30,
  k31,
  k32,
  k33,
  k34,
  k35,
  k36,
  k37,
  k38,
  k39,
  k40,
  k41,
  k42,
  k43,
  k44,
  k45,
  k46,
  k47,
  k48,
  k49,
  k50,
  k51,
  k52,
  k53,
  k54,
  k55,
  k56,
  k57,
  k58,
  k59,
  k60,
  k61,
  k62,
  k63,
  k64,
  k65,
  k66,
  k67,
  k68,
  k69,
  k70,
  k71,
  k72,
  k73,
  k74,
  k75,
];
