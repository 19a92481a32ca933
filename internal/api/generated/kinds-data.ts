// Generated from the table of API facts. Do not edit.
export const kindsData = String.raw`
/v1/APIGroup #APIGroup
/v1/APIGroupList #APIGroupList
/v1/APIResourceList #APIResourceList
/v1/APIVersions #APIVersions
/v1/Binding @core.v1.Binding
/v1/ComponentStatus @core.v1.ComponentStatus
/v1/ComponentStatusList @core.v1.ComponentStatusList
/v1/ConfigMap @core.v1.ConfigMap
/v1/ConfigMapList @core.v1.ConfigMapList
/v1/CreateOptions #CreateOptions
/v1/DeleteOptions #DeleteOptions
/v1/Endpoints @core.v1.Endpoints
/v1/EndpointsList @core.v1.EndpointsList
/v1/Event @core.v1.Event
/v1/EventList @core.v1.EventList
/v1/GetOptions #GetOptions
/v1/LimitRange @core.v1.LimitRange
/v1/LimitRangeList @core.v1.LimitRangeList
/v1/List @core.v1.List
/v1/ListOptions #ListOptions
/v1/Namespace @core.v1.Namespace
/v1/NamespaceList @core.v1.NamespaceList
/v1/Node @core.v1.Node
/v1/NodeList @core.v1.NodeList
/v1/NodeProxyOptions @core.v1.NodeProxyOptions
/v1/PatchOptions #PatchOptions
/v1/PersistentVolume @core.v1.PersistentVolume
/v1/PersistentVolumeClaim @core.v1.PersistentVolumeClaim
/v1/PersistentVolumeClaimList @core.v1.PersistentVolumeClaimList
/v1/PersistentVolumeList @core.v1.PersistentVolumeList
/v1/Pod @core.v1.Pod
/v1/PodAttachOptions @core.v1.PodAttachOptions
/v1/PodExecOptions @core.v1.PodExecOptions
/v1/PodList @core.v1.PodList
/v1/PodLogOptions @core.v1.PodLogOptions
/v1/PodPortForwardOptions @core.v1.PodPortForwardOptions
/v1/PodProxyOptions @core.v1.PodProxyOptions
/v1/PodStatusResult @core.v1.PodStatusResult
/v1/PodTemplate @core.v1.PodTemplate
/v1/PodTemplateList @core.v1.PodTemplateList
/v1/RangeAllocation @core.v1.RangeAllocation
/v1/ReplicationController @core.v1.ReplicationController
/v1/ReplicationControllerList @core.v1.ReplicationControllerList
/v1/ResourceQuota @core.v1.ResourceQuota
/v1/ResourceQuotaList @core.v1.ResourceQuotaList
/v1/Secret @core.v1.Secret
/v1/SecretList @core.v1.SecretList
/v1/SerializedReference @core.v1.SerializedReference
/v1/Service @core.v1.Service
/v1/ServiceAccount @core.v1.ServiceAccount
/v1/ServiceAccountList @core.v1.ServiceAccountList
/v1/ServiceList @core.v1.ServiceList
/v1/ServiceProxyOptions @core.v1.ServiceProxyOptions
/v1/Status #Status
/v1/UpdateOptions #UpdateOptions
/v1/WatchEvent #WatchEvent
admission.k8s.io/v1/AdmissionReview @admission.v1.AdmissionReview
admission.k8s.io/v1beta1/AdmissionReview @admission.v1beta1.AdmissionReview
admissionregistration.k8s.io/v1/MutatingAdmissionPolicy @admissionregistration.v1.MutatingAdmissionPolicy
admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding @admissionregistration.v1.MutatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBindingList @admissionregistration.v1.MutatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1/MutatingAdmissionPolicyList @admissionregistration.v1.MutatingAdmissionPolicyList
admissionregistration.k8s.io/v1/MutatingWebhookConfiguration @admissionregistration.v1.MutatingWebhookConfiguration
admissionregistration.k8s.io/v1/MutatingWebhookConfigurationList @admissionregistration.v1.MutatingWebhookConfigurationList
admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy @admissionregistration.v1.ValidatingAdmissionPolicy
admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding @admissionregistration.v1.ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBindingList @admissionregistration.v1.ValidatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyList @admissionregistration.v1.ValidatingAdmissionPolicyList
admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration @admissionregistration.v1.ValidatingWebhookConfiguration
admissionregistration.k8s.io/v1/ValidatingWebhookConfigurationList @admissionregistration.v1.ValidatingWebhookConfigurationList
admissionregistration.k8s.io/v1alpha1/MutatingAdmissionPolicy @admissionregistration.v1alpha1.MutatingAdmissionPolicy
admissionregistration.k8s.io/v1alpha1/MutatingAdmissionPolicyBinding @admissionregistration.v1alpha1.MutatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1alpha1/MutatingAdmissionPolicyBindingList @admissionregistration.v1alpha1.MutatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1alpha1/MutatingAdmissionPolicyList @admissionregistration.v1alpha1.MutatingAdmissionPolicyList
admissionregistration.k8s.io/v1alpha1/ValidatingAdmissionPolicy @admissionregistration.v1alpha1.ValidatingAdmissionPolicy
admissionregistration.k8s.io/v1alpha1/ValidatingAdmissionPolicyBinding @admissionregistration.v1alpha1.ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1alpha1/ValidatingAdmissionPolicyBindingList @admissionregistration.v1alpha1.ValidatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1alpha1/ValidatingAdmissionPolicyList @admissionregistration.v1alpha1.ValidatingAdmissionPolicyList
admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy @admissionregistration.v1beta1.MutatingAdmissionPolicy
admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyBinding @admissionregistration.v1beta1.MutatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyBindingList @admissionregistration.v1beta1.MutatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyList @admissionregistration.v1beta1.MutatingAdmissionPolicyList
admissionregistration.k8s.io/v1beta1/MutatingWebhookConfiguration @admissionregistration.v1beta1.MutatingWebhookConfiguration
admissionregistration.k8s.io/v1beta1/MutatingWebhookConfigurationList @admissionregistration.v1beta1.MutatingWebhookConfigurationList
admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicy @admissionregistration.v1beta1.ValidatingAdmissionPolicy
admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicyBinding @admissionregistration.v1beta1.ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicyBindingList @admissionregistration.v1beta1.ValidatingAdmissionPolicyBindingList
admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicyList @admissionregistration.v1beta1.ValidatingAdmissionPolicyList
admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfiguration @admissionregistration.v1beta1.ValidatingWebhookConfiguration
admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfigurationList @admissionregistration.v1beta1.ValidatingWebhookConfigurationList
apidiscovery.k8s.io/v2/APIGroupDiscovery @apidiscovery.v2.APIGroupDiscovery
apidiscovery.k8s.io/v2/APIGroupDiscoveryList @apidiscovery.v2.APIGroupDiscoveryList
apidiscovery.k8s.io/v2beta1/APIGroupDiscovery @apidiscovery.v2beta1.APIGroupDiscovery
apidiscovery.k8s.io/v2beta1/APIGroupDiscoveryList @apidiscovery.v2beta1.APIGroupDiscoveryList
apiextensions.k8s.io/v1/ConversionReview io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ConversionReview
apiextensions.k8s.io/v1/CustomResourceDefinition io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition
apiextensions.k8s.io/v1/CustomResourceDefinitionList io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionList
apiextensions.k8s.io/v1beta1/ConversionReview io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1.ConversionReview
apiextensions.k8s.io/v1beta1/CustomResourceDefinition io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1.CustomResourceDefinition
apiextensions.k8s.io/v1beta1/CustomResourceDefinitionList io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1.CustomResourceDefinitionList
apiregistration.k8s.io/v1/APIService io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService
apiregistration.k8s.io/v1/APIServiceList io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceList
apiregistration.k8s.io/v1beta1/APIService io.k8s.kube-aggregator.pkg.apis.apiregistration.v1beta1.APIService
apiregistration.k8s.io/v1beta1/APIServiceList io.k8s.kube-aggregator.pkg.apis.apiregistration.v1beta1.APIServiceList
apps/v1/ControllerRevision @apps.v1.ControllerRevision
apps/v1/ControllerRevisionList @apps.v1.ControllerRevisionList
apps/v1/DaemonSet @apps.v1.DaemonSet
apps/v1/DaemonSetList @apps.v1.DaemonSetList
apps/v1/Deployment @apps.v1.Deployment
apps/v1/DeploymentList @apps.v1.DeploymentList
apps/v1/ReplicaSet @apps.v1.ReplicaSet
apps/v1/ReplicaSetList @apps.v1.ReplicaSetList
apps/v1/StatefulSet @apps.v1.StatefulSet
apps/v1/StatefulSetList @apps.v1.StatefulSetList
apps/v1beta1/ControllerRevision @apps.v1beta1.ControllerRevision
apps/v1beta1/ControllerRevisionList @apps.v1beta1.ControllerRevisionList
apps/v1beta1/Deployment @apps.v1beta1.Deployment
apps/v1beta1/DeploymentList @apps.v1beta1.DeploymentList
apps/v1beta1/DeploymentRollback @apps.v1beta1.DeploymentRollback
apps/v1beta1/Scale @apps.v1beta1.Scale
apps/v1beta1/StatefulSet @apps.v1beta1.StatefulSet
apps/v1beta1/StatefulSetList @apps.v1beta1.StatefulSetList
apps/v1beta2/ControllerRevision @apps.v1beta2.ControllerRevision
apps/v1beta2/ControllerRevisionList @apps.v1beta2.ControllerRevisionList
apps/v1beta2/DaemonSet @apps.v1beta2.DaemonSet
apps/v1beta2/DaemonSetList @apps.v1beta2.DaemonSetList
apps/v1beta2/Deployment @apps.v1beta2.Deployment
apps/v1beta2/DeploymentList @apps.v1beta2.DeploymentList
apps/v1beta2/ReplicaSet @apps.v1beta2.ReplicaSet
apps/v1beta2/ReplicaSetList @apps.v1beta2.ReplicaSetList
apps/v1beta2/Scale @apps.v1beta2.Scale
apps/v1beta2/StatefulSet @apps.v1beta2.StatefulSet
apps/v1beta2/StatefulSetList @apps.v1beta2.StatefulSetList
authentication.k8s.io/v1/SelfSubjectReview @authentication.v1.SelfSubjectReview
authentication.k8s.io/v1/TokenRequest @authentication.v1.TokenRequest
authentication.k8s.io/v1/TokenReview @authentication.v1.TokenReview
authentication.k8s.io/v1alpha1/SelfSubjectReview @authentication.v1alpha1.SelfSubjectReview
authentication.k8s.io/v1beta1/SelfSubjectReview @authentication.v1beta1.SelfSubjectReview
authentication.k8s.io/v1beta1/TokenReview @authentication.v1beta1.TokenReview
authorization.k8s.io/v1/LocalSubjectAccessReview @authorization.v1.LocalSubjectAccessReview
authorization.k8s.io/v1/SelfSubjectAccessReview @authorization.v1.SelfSubjectAccessReview
authorization.k8s.io/v1/SelfSubjectRulesReview @authorization.v1.SelfSubjectRulesReview
authorization.k8s.io/v1/SubjectAccessReview @authorization.v1.SubjectAccessReview
authorization.k8s.io/v1beta1/LocalSubjectAccessReview @authorization.v1beta1.LocalSubjectAccessReview
authorization.k8s.io/v1beta1/SelfSubjectAccessReview @authorization.v1beta1.SelfSubjectAccessReview
authorization.k8s.io/v1beta1/SelfSubjectRulesReview @authorization.v1beta1.SelfSubjectRulesReview
authorization.k8s.io/v1beta1/SubjectAccessReview @authorization.v1beta1.SubjectAccessReview
autoscaling/v1/HorizontalPodAutoscaler @autoscaling.v1.HorizontalPodAutoscaler
autoscaling/v1/HorizontalPodAutoscalerList @autoscaling.v1.HorizontalPodAutoscalerList
autoscaling/v1/Scale @autoscaling.v1.Scale
autoscaling/v2/HorizontalPodAutoscaler @autoscaling.v2.HorizontalPodAutoscaler
autoscaling/v2/HorizontalPodAutoscalerList @autoscaling.v2.HorizontalPodAutoscalerList
batch/v1/CronJob @batch.v1.CronJob
batch/v1/CronJobList @batch.v1.CronJobList
batch/v1/Job @batch.v1.Job
batch/v1/JobList @batch.v1.JobList
batch/v1beta1/CronJob @batch.v1beta1.CronJob
batch/v1beta1/CronJobList @batch.v1beta1.CronJobList
certificates.k8s.io/v1/CertificateSigningRequest @certificates.v1.CertificateSigningRequest
certificates.k8s.io/v1/CertificateSigningRequestList @certificates.v1.CertificateSigningRequestList
certificates.k8s.io/v1alpha1/ClusterTrustBundle @certificates.v1alpha1.ClusterTrustBundle
certificates.k8s.io/v1alpha1/ClusterTrustBundleList @certificates.v1alpha1.ClusterTrustBundleList
certificates.k8s.io/v1beta1/CertificateSigningRequest @certificates.v1beta1.CertificateSigningRequest
certificates.k8s.io/v1beta1/CertificateSigningRequestList @certificates.v1beta1.CertificateSigningRequestList
certificates.k8s.io/v1beta1/ClusterTrustBundle @certificates.v1beta1.ClusterTrustBundle
certificates.k8s.io/v1beta1/ClusterTrustBundleList @certificates.v1beta1.ClusterTrustBundleList
certificates.k8s.io/v1beta1/PodCertificateRequest @certificates.v1beta1.PodCertificateRequest
certificates.k8s.io/v1beta1/PodCertificateRequestList @certificates.v1beta1.PodCertificateRequestList
coordination.k8s.io/v1/Lease @coordination.v1.Lease
coordination.k8s.io/v1/LeaseList @coordination.v1.LeaseList
coordination.k8s.io/v1alpha2/LeaseCandidate @coordination.v1alpha2.LeaseCandidate
coordination.k8s.io/v1alpha2/LeaseCandidateList @coordination.v1alpha2.LeaseCandidateList
coordination.k8s.io/v1beta1/Lease @coordination.v1beta1.Lease
coordination.k8s.io/v1beta1/LeaseCandidate @coordination.v1beta1.LeaseCandidate
coordination.k8s.io/v1beta1/LeaseCandidateList @coordination.v1beta1.LeaseCandidateList
coordination.k8s.io/v1beta1/LeaseList @coordination.v1beta1.LeaseList
discovery.k8s.io/v1/EndpointSlice @discovery.v1.EndpointSlice
discovery.k8s.io/v1/EndpointSliceList @discovery.v1.EndpointSliceList
discovery.k8s.io/v1beta1/EndpointSlice @discovery.v1beta1.EndpointSlice
discovery.k8s.io/v1beta1/EndpointSliceList @discovery.v1beta1.EndpointSliceList
events.k8s.io/v1/Event @events.v1.Event
events.k8s.io/v1/EventList @events.v1.EventList
events.k8s.io/v1beta1/Event @events.v1beta1.Event
events.k8s.io/v1beta1/EventList @events.v1beta1.EventList
extensions/v1beta1/DaemonSet @extensions.v1beta1.DaemonSet
extensions/v1beta1/DaemonSetList @extensions.v1beta1.DaemonSetList
extensions/v1beta1/Deployment @extensions.v1beta1.Deployment
extensions/v1beta1/DeploymentList @extensions.v1beta1.DeploymentList
extensions/v1beta1/DeploymentRollback @extensions.v1beta1.DeploymentRollback
extensions/v1beta1/Ingress @extensions.v1beta1.Ingress
extensions/v1beta1/IngressList @extensions.v1beta1.IngressList
extensions/v1beta1/NetworkPolicy @extensions.v1beta1.NetworkPolicy
extensions/v1beta1/NetworkPolicyList @extensions.v1beta1.NetworkPolicyList
extensions/v1beta1/ReplicaSet @extensions.v1beta1.ReplicaSet
extensions/v1beta1/ReplicaSetList @extensions.v1beta1.ReplicaSetList
extensions/v1beta1/Scale @extensions.v1beta1.Scale
flowcontrol.apiserver.k8s.io/v1/FlowSchema @flowcontrol.v1.FlowSchema
flowcontrol.apiserver.k8s.io/v1/FlowSchemaList @flowcontrol.v1.FlowSchemaList
flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration @flowcontrol.v1.PriorityLevelConfiguration
flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfigurationList @flowcontrol.v1.PriorityLevelConfigurationList
flowcontrol.apiserver.k8s.io/v1beta1/FlowSchema @flowcontrol.v1beta1.FlowSchema
flowcontrol.apiserver.k8s.io/v1beta1/FlowSchemaList @flowcontrol.v1beta1.FlowSchemaList
flowcontrol.apiserver.k8s.io/v1beta1/PriorityLevelConfiguration @flowcontrol.v1beta1.PriorityLevelConfiguration
flowcontrol.apiserver.k8s.io/v1beta1/PriorityLevelConfigurationList @flowcontrol.v1beta1.PriorityLevelConfigurationList
flowcontrol.apiserver.k8s.io/v1beta2/FlowSchema @flowcontrol.v1beta2.FlowSchema
flowcontrol.apiserver.k8s.io/v1beta2/FlowSchemaList @flowcontrol.v1beta2.FlowSchemaList
flowcontrol.apiserver.k8s.io/v1beta2/PriorityLevelConfiguration @flowcontrol.v1beta2.PriorityLevelConfiguration
flowcontrol.apiserver.k8s.io/v1beta2/PriorityLevelConfigurationList @flowcontrol.v1beta2.PriorityLevelConfigurationList
flowcontrol.apiserver.k8s.io/v1beta3/FlowSchema @flowcontrol.v1beta3.FlowSchema
flowcontrol.apiserver.k8s.io/v1beta3/FlowSchemaList @flowcontrol.v1beta3.FlowSchemaList
flowcontrol.apiserver.k8s.io/v1beta3/PriorityLevelConfiguration @flowcontrol.v1beta3.PriorityLevelConfiguration
flowcontrol.apiserver.k8s.io/v1beta3/PriorityLevelConfigurationList @flowcontrol.v1beta3.PriorityLevelConfigurationList
imagepolicy.k8s.io/v1alpha1/ImageReview @imagepolicy.v1alpha1.ImageReview
internal.apiserver.k8s.io/v1alpha1/StorageVersion @apiserverinternal.v1alpha1.StorageVersion
internal.apiserver.k8s.io/v1alpha1/StorageVersionList @apiserverinternal.v1alpha1.StorageVersionList
meta.k8s.io/v1/PartialObjectMetadata #PartialObjectMetadata
meta.k8s.io/v1/PartialObjectMetadataList #PartialObjectMetadataList
meta.k8s.io/v1/Table #Table
networking.k8s.io/v1/IPAddress @networking.v1.IPAddress
networking.k8s.io/v1/IPAddressList @networking.v1.IPAddressList
networking.k8s.io/v1/Ingress @networking.v1.Ingress
networking.k8s.io/v1/IngressClass @networking.v1.IngressClass
networking.k8s.io/v1/IngressClassList @networking.v1.IngressClassList
networking.k8s.io/v1/IngressList @networking.v1.IngressList
networking.k8s.io/v1/NetworkPolicy @networking.v1.NetworkPolicy
networking.k8s.io/v1/NetworkPolicyList @networking.v1.NetworkPolicyList
networking.k8s.io/v1/ServiceCIDR @networking.v1.ServiceCIDR
networking.k8s.io/v1/ServiceCIDRList @networking.v1.ServiceCIDRList
networking.k8s.io/v1beta1/IPAddress @networking.v1beta1.IPAddress
networking.k8s.io/v1beta1/IPAddressList @networking.v1beta1.IPAddressList
networking.k8s.io/v1beta1/Ingress @networking.v1beta1.Ingress
networking.k8s.io/v1beta1/IngressClass @networking.v1beta1.IngressClass
networking.k8s.io/v1beta1/IngressClassList @networking.v1beta1.IngressClassList
networking.k8s.io/v1beta1/IngressList @networking.v1beta1.IngressList
networking.k8s.io/v1beta1/ServiceCIDR @networking.v1beta1.ServiceCIDR
networking.k8s.io/v1beta1/ServiceCIDRList @networking.v1beta1.ServiceCIDRList
node.k8s.io/v1/RuntimeClass @node.v1.RuntimeClass
node.k8s.io/v1/RuntimeClassList @node.v1.RuntimeClassList
node.k8s.io/v1alpha1/RuntimeClass @node.v1alpha1.RuntimeClass
node.k8s.io/v1alpha1/RuntimeClassList @node.v1alpha1.RuntimeClassList
node.k8s.io/v1beta1/RuntimeClass @node.v1beta1.RuntimeClass
node.k8s.io/v1beta1/RuntimeClassList @node.v1beta1.RuntimeClassList
policy/v1/Eviction @policy.v1.Eviction
policy/v1/PodDisruptionBudget @policy.v1.PodDisruptionBudget
policy/v1/PodDisruptionBudgetList @policy.v1.PodDisruptionBudgetList
policy/v1beta1/Eviction @policy.v1beta1.Eviction
policy/v1beta1/PodDisruptionBudget @policy.v1beta1.PodDisruptionBudget
policy/v1beta1/PodDisruptionBudgetList @policy.v1beta1.PodDisruptionBudgetList
rbac.authorization.k8s.io/v1/ClusterRole @rbac.v1.ClusterRole
rbac.authorization.k8s.io/v1/ClusterRoleBinding @rbac.v1.ClusterRoleBinding
rbac.authorization.k8s.io/v1/ClusterRoleBindingList @rbac.v1.ClusterRoleBindingList
rbac.authorization.k8s.io/v1/ClusterRoleList @rbac.v1.ClusterRoleList
rbac.authorization.k8s.io/v1/Role @rbac.v1.Role
rbac.authorization.k8s.io/v1/RoleBinding @rbac.v1.RoleBinding
rbac.authorization.k8s.io/v1/RoleBindingList @rbac.v1.RoleBindingList
rbac.authorization.k8s.io/v1/RoleList @rbac.v1.RoleList
rbac.authorization.k8s.io/v1alpha1/ClusterRole @rbac.v1alpha1.ClusterRole
rbac.authorization.k8s.io/v1alpha1/ClusterRoleBinding @rbac.v1alpha1.ClusterRoleBinding
rbac.authorization.k8s.io/v1alpha1/ClusterRoleBindingList @rbac.v1alpha1.ClusterRoleBindingList
rbac.authorization.k8s.io/v1alpha1/ClusterRoleList @rbac.v1alpha1.ClusterRoleList
rbac.authorization.k8s.io/v1alpha1/Role @rbac.v1alpha1.Role
rbac.authorization.k8s.io/v1alpha1/RoleBinding @rbac.v1alpha1.RoleBinding
rbac.authorization.k8s.io/v1alpha1/RoleBindingList @rbac.v1alpha1.RoleBindingList
rbac.authorization.k8s.io/v1alpha1/RoleList @rbac.v1alpha1.RoleList
rbac.authorization.k8s.io/v1beta1/ClusterRole @rbac.v1beta1.ClusterRole
rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding @rbac.v1beta1.ClusterRoleBinding
rbac.authorization.k8s.io/v1beta1/ClusterRoleBindingList @rbac.v1beta1.ClusterRoleBindingList
rbac.authorization.k8s.io/v1beta1/ClusterRoleList @rbac.v1beta1.ClusterRoleList
rbac.authorization.k8s.io/v1beta1/Role @rbac.v1beta1.Role
rbac.authorization.k8s.io/v1beta1/RoleBinding @rbac.v1beta1.RoleBinding
rbac.authorization.k8s.io/v1beta1/RoleBindingList @rbac.v1beta1.RoleBindingList
rbac.authorization.k8s.io/v1beta1/RoleList @rbac.v1beta1.RoleList
resource.k8s.io/v1/DeviceClass @resource.v1.DeviceClass
resource.k8s.io/v1/DeviceClassList @resource.v1.DeviceClassList
resource.k8s.io/v1/ResourceClaim @resource.v1.ResourceClaim
resource.k8s.io/v1/ResourceClaimList @resource.v1.ResourceClaimList
resource.k8s.io/v1/ResourceClaimTemplate @resource.v1.ResourceClaimTemplate
resource.k8s.io/v1/ResourceClaimTemplateList @resource.v1.ResourceClaimTemplateList
resource.k8s.io/v1/ResourceSlice @resource.v1.ResourceSlice
resource.k8s.io/v1/ResourceSliceList @resource.v1.ResourceSliceList
resource.k8s.io/v1alpha3/DeviceTaintRule @resource.v1alpha3.DeviceTaintRule
resource.k8s.io/v1alpha3/DeviceTaintRuleList @resource.v1alpha3.DeviceTaintRuleList
resource.k8s.io/v1alpha3/ResourcePoolStatusRequest @resource.v1alpha3.ResourcePoolStatusRequest
resource.k8s.io/v1alpha3/ResourcePoolStatusRequestList @resource.v1alpha3.ResourcePoolStatusRequestList
resource.k8s.io/v1beta1/DeviceClass @resource.v1beta1.DeviceClass
resource.k8s.io/v1beta1/DeviceClassList @resource.v1beta1.DeviceClassList
resource.k8s.io/v1beta1/ResourceClaim @resource.v1beta1.ResourceClaim
resource.k8s.io/v1beta1/ResourceClaimList @resource.v1beta1.ResourceClaimList
resource.k8s.io/v1beta1/ResourceClaimTemplate @resource.v1beta1.ResourceClaimTemplate
resource.k8s.io/v1beta1/ResourceClaimTemplateList @resource.v1beta1.ResourceClaimTemplateList
resource.k8s.io/v1beta1/ResourceSlice @resource.v1beta1.ResourceSlice
resource.k8s.io/v1beta1/ResourceSliceList @resource.v1beta1.ResourceSliceList
resource.k8s.io/v1beta2/DeviceClass @resource.v1beta2.DeviceClass
resource.k8s.io/v1beta2/DeviceClassList @resource.v1beta2.DeviceClassList
resource.k8s.io/v1beta2/DeviceTaintRule @resource.v1beta2.DeviceTaintRule
resource.k8s.io/v1beta2/DeviceTaintRuleList @resource.v1beta2.DeviceTaintRuleList
resource.k8s.io/v1beta2/ResourceClaim @resource.v1beta2.ResourceClaim
resource.k8s.io/v1beta2/ResourceClaimList @resource.v1beta2.ResourceClaimList
resource.k8s.io/v1beta2/ResourceClaimTemplate @resource.v1beta2.ResourceClaimTemplate
resource.k8s.io/v1beta2/ResourceClaimTemplateList @resource.v1beta2.ResourceClaimTemplateList
resource.k8s.io/v1beta2/ResourceSlice @resource.v1beta2.ResourceSlice
resource.k8s.io/v1beta2/ResourceSliceList @resource.v1beta2.ResourceSliceList
scheduling.k8s.io/v1/PriorityClass @scheduling.v1.PriorityClass
scheduling.k8s.io/v1/PriorityClassList @scheduling.v1.PriorityClassList
scheduling.k8s.io/v1alpha2/PodGroup @scheduling.v1alpha2.PodGroup
scheduling.k8s.io/v1alpha2/PodGroupList @scheduling.v1alpha2.PodGroupList
scheduling.k8s.io/v1alpha2/Workload @scheduling.v1alpha2.Workload
scheduling.k8s.io/v1alpha2/WorkloadList @scheduling.v1alpha2.WorkloadList
scheduling.k8s.io/v1beta1/PriorityClass @scheduling.v1beta1.PriorityClass
scheduling.k8s.io/v1beta1/PriorityClassList @scheduling.v1beta1.PriorityClassList
storage.k8s.io/v1/CSIDriver @storage.v1.CSIDriver
storage.k8s.io/v1/CSIDriverList @storage.v1.CSIDriverList
storage.k8s.io/v1/CSINode @storage.v1.CSINode
storage.k8s.io/v1/CSINodeList @storage.v1.CSINodeList
storage.k8s.io/v1/CSIStorageCapacity @storage.v1.CSIStorageCapacity
storage.k8s.io/v1/CSIStorageCapacityList @storage.v1.CSIStorageCapacityList
storage.k8s.io/v1/StorageClass @storage.v1.StorageClass
storage.k8s.io/v1/StorageClassList @storage.v1.StorageClassList
storage.k8s.io/v1/VolumeAttachment @storage.v1.VolumeAttachment
storage.k8s.io/v1/VolumeAttachmentList @storage.v1.VolumeAttachmentList
storage.k8s.io/v1/VolumeAttributesClass @storage.v1.VolumeAttributesClass
storage.k8s.io/v1/VolumeAttributesClassList @storage.v1.VolumeAttributesClassList
storage.k8s.io/v1alpha1/CSIStorageCapacity @storage.v1alpha1.CSIStorageCapacity
storage.k8s.io/v1alpha1/CSIStorageCapacityList @storage.v1alpha1.CSIStorageCapacityList
storage.k8s.io/v1alpha1/VolumeAttachment @storage.v1alpha1.VolumeAttachment
storage.k8s.io/v1alpha1/VolumeAttachmentList @storage.v1alpha1.VolumeAttachmentList
storage.k8s.io/v1alpha1/VolumeAttributesClass @storage.v1alpha1.VolumeAttributesClass
storage.k8s.io/v1alpha1/VolumeAttributesClassList @storage.v1alpha1.VolumeAttributesClassList
storage.k8s.io/v1beta1/CSIDriver @storage.v1beta1.CSIDriver
storage.k8s.io/v1beta1/CSIDriverList @storage.v1beta1.CSIDriverList
storage.k8s.io/v1beta1/CSINode @storage.v1beta1.CSINode
storage.k8s.io/v1beta1/CSINodeList @storage.v1beta1.CSINodeList
storage.k8s.io/v1beta1/CSIStorageCapacity @storage.v1beta1.CSIStorageCapacity
storage.k8s.io/v1beta1/CSIStorageCapacityList @storage.v1beta1.CSIStorageCapacityList
storage.k8s.io/v1beta1/StorageClass @storage.v1beta1.StorageClass
storage.k8s.io/v1beta1/StorageClassList @storage.v1beta1.StorageClassList
storage.k8s.io/v1beta1/VolumeAttachment @storage.v1beta1.VolumeAttachment
storage.k8s.io/v1beta1/VolumeAttachmentList @storage.v1beta1.VolumeAttachmentList
storage.k8s.io/v1beta1/VolumeAttributesClass @storage.v1beta1.VolumeAttributesClass
storage.k8s.io/v1beta1/VolumeAttributesClassList @storage.v1beta1.VolumeAttributesClassList
storagemigration.k8s.io/v1beta1/StorageVersionMigration @storagemigration.v1beta1.StorageVersionMigration
storagemigration.k8s.io/v1beta1/StorageVersionMigrationList @storagemigration.v1beta1.StorageVersionMigrationList
`;

export const groupsData = String.raw`
{"name":"","versions":["v1"],"on":["v1"],"priority":{"v1":[18000,1]}}
{"name":"apiregistration.k8s.io","versions":["v1"],"on":["v1"],"priority":{}}
{"name":"apps","versions":["v1"],"on":["v1"],"priority":{"v1":[17800,15]}}
{"name":"events.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[17750,15]}}
{"name":"authentication.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[17700,15]}}
{"name":"authorization.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[17600,15]}}
{"name":"autoscaling","versions":["v2","v1"],"on":["v2","v1"],"priority":{"v2":[17500,30],"v1":[17500,15]}}
{"name":"batch","versions":["v1"],"on":["v1"],"priority":{"v1":[17400,15]}}
{"name":"certificates.k8s.io","versions":["v1","v1beta1","v1alpha1"],"on":["v1"],"priority":{"v1":[17300,15],"v1beta1":[17300,9],"v1alpha1":[17300,1]}}
{"name":"networking.k8s.io","versions":["v1","v1beta1"],"on":["v1"],"priority":{"v1":[17200,15],"v1beta1":[17200,9]}}
{"name":"policy","versions":["v1"],"on":["v1"],"priority":{"v1":[17100,15]}}
{"name":"rbac.authorization.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[17000,15]}}
{"name":"storage.k8s.io","versions":["v1","v1beta1"],"on":["v1"],"priority":{"v1":[16800,15],"v1beta1":[16800,9]}}
{"name":"admissionregistration.k8s.io","versions":["v1","v1beta1","v1alpha1"],"on":["v1"],"priority":{"v1":[16700,15],"v1beta1":[16700,12],"v1alpha1":[16700,9]}}
{"name":"apiextensions.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[16700,15]}}
{"name":"scheduling.k8s.io","versions":["v1","v1alpha2"],"on":["v1"],"priority":{"v1":[16600,15],"v1alpha2":[16600,2]}}
{"name":"coordination.k8s.io","versions":["v1","v1beta1","v1alpha2"],"on":["v1"],"priority":{"v1":[16500,15],"v1beta1":[16500,13],"v1alpha2":[16500,12]}}
{"name":"node.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[16300,15]}}
{"name":"discovery.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[16200,15]}}
{"name":"resource.k8s.io","versions":["v1","v1beta2","v1beta1","v1alpha3"],"on":["v1"],"priority":{"v1":[16200,21],"v1beta2":[16200,15],"v1beta1":[16200,9],"v1alpha3":[16200,1]}}
{"name":"flowcontrol.apiserver.k8s.io","versions":["v1"],"on":["v1"],"priority":{"v1":[16100,21]}}
{"name":"internal.apiserver.k8s.io","versions":["v1alpha1"],"on":[],"priority":{"v1alpha1":[16000,9]}}
{"name":"storagemigration.k8s.io","versions":["v1beta1"],"on":[],"priority":{"v1beta1":[15800,9]}}
`;

export const resourcesData = String.raw`
{"gv":"v1","plural":"bindings","singular":"binding","kind":"Binding","type":"io.k8s.api.core.v1.Binding","ns":true,"on":true,"verbs":["create"]}
{"gv":"v1","plural":"componentstatuses","singular":"componentstatus","kind":"ComponentStatus","list":"ComponentStatusList","type":"io.k8s.api.core.v1.ComponentStatus","ns":false,"on":true,"verbs":["get","list"],"short":["cs"],"fieldSel":["metadata.name","metadata.namespace"]}
{"gv":"v1","plural":"configmaps","singular":"configmap","kind":"ConfigMap","list":"ConfigMapList","type":"io.k8s.api.core.v1.ConfigMap","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["cm"],"storage":"v1","svHash":"qFsyl6wFWjQ=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"v1","plural":"endpoints","singular":"endpoints","kind":"Endpoints","list":"EndpointsList","type":"io.k8s.api.core.v1.Endpoints","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ep"],"storage":"v1","svHash":"fWeeMqaN/OA=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"v1","plural":"events","singular":"event","kind":"Event","list":"EventList","type":"io.k8s.api.core.v1.Event","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ev"],"storage":"v1","svHash":"r2yiGXH7wu8=","fieldSel":["involvedObject.kind","involvedObject.namespace","involvedObject.name","involvedObject.uid","involvedObject.apiVersion","involvedObject.resourceVersion","involvedObject.fieldPath","reason","reportingComponent","source","type","metadata.namespace","metadata.name"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"v1","plural":"limitranges","singular":"limitrange","kind":"LimitRange","list":"LimitRangeList","type":"io.k8s.api.core.v1.LimitRange","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["limits"],"storage":"v1","svHash":"EBKMFVe6cwo=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"v1","plural":"namespaces","singular":"namespace","kind":"Namespace","list":"NamespaceList","type":"io.k8s.api.core.v1.Namespace","ns":false,"on":true,"verbs":["create","delete","get","list","patch","update","watch"],"short":["ns"],"storage":"v1","svHash":"Q3oi5N2YM8M=","sub":{"finalize":{"kind":"v1/Namespace","verbs":["update"]},"status":{"kind":"v1/Namespace","verbs":["get","patch","update"]}},"fieldSel":["status.phase","metadata.name"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"],"finalize":["status"]}}
{"gv":"v1","plural":"nodes","singular":"node","kind":"Node","list":"NodeList","type":"io.k8s.api.core.v1.Node","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["no"],"storage":"v1","svHash":"XwShjMxG9Fs=","sub":{"proxy":{"kind":"v1/NodeProxyOptions","verbs":["create","delete","get","patch","update"]},"status":{"kind":"v1/Node","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","spec.unschedulable"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"v1","plural":"persistentvolumeclaims","singular":"persistentvolumeclaim","kind":"PersistentVolumeClaim","list":"PersistentVolumeClaimList","type":"io.k8s.api.core.v1.PersistentVolumeClaim","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["pvc"],"storage":"v1","svHash":"QWTyNDq0dC4=","sub":{"status":{"kind":"v1/PersistentVolumeClaim","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"v1","plural":"persistentvolumes","singular":"persistentvolume","kind":"PersistentVolume","list":"PersistentVolumeList","type":"io.k8s.api.core.v1.PersistentVolume","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["pv"],"storage":"v1","svHash":"HN/zwEC+JgM=","sub":{"status":{"kind":"v1/PersistentVolume","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"v1","plural":"pods","singular":"pod","kind":"Pod","list":"PodList","type":"io.k8s.api.core.v1.Pod","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["po"],"cat":["all"],"storage":"v1","svHash":"xPOwRZ+Yhw8=","sub":{"attach":{"kind":"v1/PodAttachOptions","verbs":["create","get"]},"binding":{"kind":"v1/Binding","verbs":["create"]},"ephemeralcontainers":{"kind":"v1/Pod","verbs":["get","patch","update"]},"eviction":{"kind":"policy/v1/Eviction","verbs":["create"]},"exec":{"kind":"v1/PodExecOptions","verbs":["create","get"]},"log":{"kind":"v1/Pod","verbs":["get"]},"portforward":{"kind":"v1/PodPortForwardOptions","verbs":["create","get"]},"proxy":{"kind":"v1/PodProxyOptions","verbs":["create","delete","get","patch","update"]},"resize":{"kind":"v1/Pod","verbs":["get","patch","update"]},"status":{"kind":"v1/Pod","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace","spec.nodeName","spec.restartPolicy","spec.schedulerName","spec.serviceAccountName","spec.hostNetwork","status.phase","status.podIP","status.podIPs","status.nominatedNodeName"],"fieldSelMap":{"spec.host":"spec.nodeName"},"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec","metadata.deletionTimestamp","metadata.ownerReferences"]}}
{"gv":"v1","plural":"podtemplates","singular":"podtemplate","kind":"PodTemplate","list":"PodTemplateList","type":"io.k8s.api.core.v1.PodTemplate","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"v1","svHash":"LIXB2x4IFpk=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"v1","plural":"replicationcontrollers","singular":"replicationcontroller","kind":"ReplicationController","list":"ReplicationControllerList","type":"io.k8s.api.core.v1.ReplicationController","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["rc"],"cat":["all"],"storage":"v1","svHash":"Jond2If31h0=","sub":{"scale":{"kind":"autoscaling/v1/Scale","verbs":["get","patch","update"]},"status":{"kind":"v1/ReplicationController","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace","status.replicas"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"v1","plural":"resourcequotas","singular":"resourcequota","kind":"ResourceQuota","list":"ResourceQuotaList","type":"io.k8s.api.core.v1.ResourceQuota","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["quota"],"storage":"v1","svHash":"8uhSgffRX6w=","sub":{"status":{"kind":"v1/ResourceQuota","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"v1","plural":"secrets","singular":"secret","kind":"Secret","list":"SecretList","type":"io.k8s.api.core.v1.Secret","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"v1","svHash":"S6u1pOWzb84=","fieldSel":["type","metadata.namespace","metadata.name"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"v1","plural":"serviceaccounts","singular":"serviceaccount","kind":"ServiceAccount","list":"ServiceAccountList","type":"io.k8s.api.core.v1.ServiceAccount","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["sa"],"storage":"v1","svHash":"pbx9ZvyFpBE=","sub":{"token":{"kind":"authentication.k8s.io/v1/TokenRequest","verbs":["create"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"v1","plural":"services","singular":"service","kind":"Service","list":"ServiceList","type":"io.k8s.api.core.v1.Service","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["svc"],"cat":["all"],"storage":"v1","svHash":"0/CO1lhkEBI=","sub":{"proxy":{"kind":"v1/ServiceProxyOptions","verbs":["create","delete","get","patch","update"]},"status":{"kind":"v1/Service","verbs":["get","patch","update"]}},"fieldSel":["metadata.namespace","metadata.name","spec.clusterIP","spec.type"],"createOnUpdate":true,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"apiregistration.k8s.io/v1","plural":"apiservices","singular":"apiservice","kind":"APIService","list":"APIServiceList","type":"io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"apiregistration.k8s.io/v1","svHash":"InPBPD7+PqM=","sub":{"status":{"kind":"apiregistration.k8s.io/v1/APIService","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["spec","metadata"]}}
{"gv":"apps/v1","plural":"controllerrevisions","singular":"controllerrevision","kind":"ControllerRevision","list":"ControllerRevisionList","type":"io.k8s.api.apps.v1.ControllerRevision","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"apps/v1","svHash":"85nkx63pcBU=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"apps/v1","plural":"daemonsets","singular":"daemonset","kind":"DaemonSet","list":"DaemonSetList","type":"io.k8s.api.apps.v1.DaemonSet","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ds"],"cat":["all"],"storage":"apps/v1","svHash":"dd7pWHUlMKQ=","sub":{"status":{"kind":"apps/v1/DaemonSet","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"apps/v1","plural":"deployments","singular":"deployment","kind":"Deployment","list":"DeploymentList","type":"io.k8s.api.apps.v1.Deployment","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["deploy"],"cat":["all"],"storage":"apps/v1","svHash":"8aSe+NMegvE=","sub":{"scale":{"kind":"autoscaling/v1/Scale","verbs":["get","patch","update"]},"status":{"kind":"apps/v1/Deployment","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec","metadata.labels"]}}
{"gv":"apps/v1","plural":"replicasets","singular":"replicaset","kind":"ReplicaSet","list":"ReplicaSetList","type":"io.k8s.api.apps.v1.ReplicaSet","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["rs"],"cat":["all"],"storage":"apps/v1","svHash":"P1RzHs8/mWQ=","sub":{"scale":{"kind":"autoscaling/v1/Scale","verbs":["get","patch","update"]},"status":{"kind":"apps/v1/ReplicaSet","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"apps/v1","plural":"statefulsets","singular":"statefulset","kind":"StatefulSet","list":"StatefulSetList","type":"io.k8s.api.apps.v1.StatefulSet","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["sts"],"cat":["all"],"storage":"apps/v1","svHash":"H+vl74LkKdo=","sub":{"scale":{"kind":"autoscaling/v1/Scale","verbs":["get","patch","update"]},"status":{"kind":"apps/v1/StatefulSet","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"events.k8s.io/v1","plural":"events","singular":"event","kind":"Event","list":"EventList","type":"io.k8s.api.events.v1.Event","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ev"],"storage":"v1","svHash":"r2yiGXH7wu8=","fieldSel":["metadata.name","metadata.namespace","reason","regarding.apiVersion","regarding.fieldPath","regarding.kind","regarding.name","regarding.namespace","regarding.resourceVersion","regarding.uid","reportingController","type"],"fieldSelMap":{"regarding.kind":"involvedObject.kind","regarding.namespace":"involvedObject.namespace","regarding.name":"involvedObject.name","regarding.uid":"involvedObject.uid","regarding.apiVersion":"involvedObject.apiVersion","regarding.resourceVersion":"involvedObject.resourceVersion","regarding.fieldPath":"involvedObject.fieldPath","reportingController":"reportingComponent"},"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"authentication.k8s.io/v1","plural":"selfsubjectreviews","singular":"selfsubjectreview","kind":"SelfSubjectReview","type":"io.k8s.api.authentication.v1.SelfSubjectReview","ns":false,"on":true,"verbs":["create"]}
{"gv":"authentication.k8s.io/v1","plural":"tokenreviews","singular":"tokenreview","kind":"TokenReview","type":"io.k8s.api.authentication.v1.TokenReview","ns":false,"on":true,"verbs":["create"]}
{"gv":"authorization.k8s.io/v1","plural":"localsubjectaccessreviews","singular":"localsubjectaccessreview","kind":"LocalSubjectAccessReview","type":"io.k8s.api.authorization.v1.LocalSubjectAccessReview","ns":true,"on":true,"verbs":["create"]}
{"gv":"authorization.k8s.io/v1","plural":"selfsubjectaccessreviews","singular":"selfsubjectaccessreview","kind":"SelfSubjectAccessReview","type":"io.k8s.api.authorization.v1.SelfSubjectAccessReview","ns":false,"on":true,"verbs":["create"]}
{"gv":"authorization.k8s.io/v1","plural":"selfsubjectrulesreviews","singular":"selfsubjectrulesreview","kind":"SelfSubjectRulesReview","type":"io.k8s.api.authorization.v1.SelfSubjectRulesReview","ns":false,"on":true,"verbs":["create"]}
{"gv":"authorization.k8s.io/v1","plural":"subjectaccessreviews","singular":"subjectaccessreview","kind":"SubjectAccessReview","type":"io.k8s.api.authorization.v1.SubjectAccessReview","ns":false,"on":true,"verbs":["create"]}
{"gv":"autoscaling/v2","plural":"horizontalpodautoscalers","singular":"horizontalpodautoscaler","kind":"HorizontalPodAutoscaler","list":"HorizontalPodAutoscalerList","type":"io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["hpa"],"cat":["all"],"storage":"autoscaling/v2","svHash":"qwQve8ut294=","sub":{"status":{"kind":"autoscaling/v2/HorizontalPodAutoscaler","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"autoscaling/v1","plural":"horizontalpodautoscalers","singular":"horizontalpodautoscaler","kind":"HorizontalPodAutoscaler","list":"HorizontalPodAutoscalerList","type":"io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["hpa"],"cat":["all"],"storage":"autoscaling/v2","svHash":"qwQve8ut294=","sub":{"status":{"kind":"autoscaling/v1/HorizontalPodAutoscaler","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"batch/v1","plural":"cronjobs","singular":"cronjob","kind":"CronJob","list":"CronJobList","type":"io.k8s.api.batch.v1.CronJob","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["cj"],"cat":["all"],"storage":"batch/v1","svHash":"sd5LIXh4Fjs=","sub":{"status":{"kind":"batch/v1/CronJob","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"batch/v1","plural":"jobs","singular":"job","kind":"Job","list":"JobList","type":"io.k8s.api.batch.v1.Job","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["all"],"storage":"batch/v1","svHash":"mudhfqk/qZY=","sub":{"status":{"kind":"batch/v1/Job","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace","status.successful"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"certificates.k8s.io/v1","plural":"certificatesigningrequests","singular":"certificatesigningrequest","kind":"CertificateSigningRequest","list":"CertificateSigningRequestList","type":"io.k8s.api.certificates.v1.CertificateSigningRequest","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["csr"],"storage":"certificates.k8s.io/v1","svHash":"95fRKMXA+00=","sub":{"approval":{"kind":"certificates.k8s.io/v1/CertificateSigningRequest","verbs":["get","patch","update"]},"status":{"kind":"certificates.k8s.io/v1/CertificateSigningRequest","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","spec.signerName"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["spec","status"],"status":["spec","status.conditions"],"approval":["spec","status.certificate"]}}
{"gv":"certificates.k8s.io/v1beta1","plural":"clustertrustbundles","singular":"clustertrustbundle","kind":"ClusterTrustBundle","list":"ClusterTrustBundleList","type":"io.k8s.api.certificates.v1beta1.ClusterTrustBundle","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"certificates.k8s.io/v1beta1","svHash":"v5yhuVertL4=","fieldSel":["metadata.name","spec.signerName"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"certificates.k8s.io/v1beta1","plural":"podcertificaterequests","singular":"podcertificaterequest","kind":"PodCertificateRequest","list":"PodCertificateRequestList","type":"io.k8s.api.certificates.v1beta1.PodCertificateRequest","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"certificates.k8s.io/v1beta1","svHash":"wYA9yXQH8fg=","sub":{"status":{"kind":"certificates.k8s.io/v1beta1/PodCertificateRequest","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","spec.signerName","spec.podName","spec.nodeName"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"status":["spec"]}}
{"gv":"certificates.k8s.io/v1alpha1","plural":"clustertrustbundles","singular":"clustertrustbundle","kind":"ClusterTrustBundle","list":"ClusterTrustBundleList","type":"io.k8s.api.certificates.v1alpha1.ClusterTrustBundle","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"certificates.k8s.io/v1beta1","svHash":"v5yhuVertL4=","fieldSel":["metadata.name","spec.signerName"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"networking.k8s.io/v1","plural":"ingressclasses","singular":"ingressclass","kind":"IngressClass","list":"IngressClassList","type":"io.k8s.api.networking.v1.IngressClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"networking.k8s.io/v1","svHash":"l/iqIbDgFyQ=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"networking.k8s.io/v1","plural":"ingresses","singular":"ingress","kind":"Ingress","list":"IngressList","type":"io.k8s.api.networking.v1.Ingress","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ing"],"storage":"networking.k8s.io/v1","svHash":"39NQlfNR+bo=","sub":{"status":{"kind":"networking.k8s.io/v1/Ingress","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec"]}}
{"gv":"networking.k8s.io/v1","plural":"ipaddresses","singular":"ipaddress","kind":"IPAddress","list":"IPAddressList","type":"io.k8s.api.networking.v1.IPAddress","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ip"],"storage":"networking.k8s.io/v1","svHash":"3f/plJFChNE=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"networking.k8s.io/v1","plural":"networkpolicies","singular":"networkpolicy","kind":"NetworkPolicy","list":"NetworkPolicyList","type":"io.k8s.api.networking.v1.NetworkPolicy","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["netpol"],"storage":"networking.k8s.io/v1","svHash":"YpfwF18m1G8=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"networking.k8s.io/v1","plural":"servicecidrs","singular":"servicecidr","kind":"ServiceCIDR","list":"ServiceCIDRList","type":"io.k8s.api.networking.v1.ServiceCIDR","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"networking.k8s.io/v1","svHash":"gNLvruQhW2g=","sub":{"status":{"kind":"networking.k8s.io/v1/ServiceCIDR","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"status":["metadata","spec"]}}
{"gv":"networking.k8s.io/v1beta1","plural":"ipaddresses","singular":"ipaddress","kind":"IPAddress","list":"IPAddressList","type":"io.k8s.api.networking.v1beta1.IPAddress","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["ip"],"storage":"networking.k8s.io/v1","svHash":"3f/plJFChNE=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"networking.k8s.io/v1beta1","plural":"servicecidrs","singular":"servicecidr","kind":"ServiceCIDR","list":"ServiceCIDRList","type":"io.k8s.api.networking.v1beta1.ServiceCIDR","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"networking.k8s.io/v1","svHash":"gNLvruQhW2g=","sub":{"status":{"kind":"networking.k8s.io/v1beta1/ServiceCIDR","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"status":["metadata","spec"]}}
{"gv":"policy/v1","plural":"poddisruptionbudgets","singular":"poddisruptionbudget","kind":"PodDisruptionBudget","list":"PodDisruptionBudgetList","type":"io.k8s.api.policy.v1.PodDisruptionBudget","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["pdb"],"storage":"policy/v1","svHash":"EVWiDmWqyJw=","sub":{"status":{"kind":"policy/v1/PodDisruptionBudget","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["spec"]}}
{"gv":"rbac.authorization.k8s.io/v1","plural":"clusterrolebindings","singular":"clusterrolebinding","kind":"ClusterRoleBinding","list":"ClusterRoleBindingList","type":"io.k8s.api.rbac.v1.ClusterRoleBinding","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"rbac.authorization.k8s.io/v1","svHash":"48tpQ8gZHFc=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"rbac.authorization.k8s.io/v1","plural":"clusterroles","singular":"clusterrole","kind":"ClusterRole","list":"ClusterRoleList","type":"io.k8s.api.rbac.v1.ClusterRole","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"rbac.authorization.k8s.io/v1","svHash":"bYE5ZWDrJ44=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"rbac.authorization.k8s.io/v1","plural":"rolebindings","singular":"rolebinding","kind":"RoleBinding","list":"RoleBindingList","type":"io.k8s.api.rbac.v1.RoleBinding","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"rbac.authorization.k8s.io/v1","svHash":"eGsCzGH6b1g=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"rbac.authorization.k8s.io/v1","plural":"roles","singular":"role","kind":"Role","list":"RoleList","type":"io.k8s.api.rbac.v1.Role","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"rbac.authorization.k8s.io/v1","svHash":"7FuwZcIIItM=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":true}
{"gv":"storage.k8s.io/v1","plural":"csidrivers","singular":"csidriver","kind":"CSIDriver","list":"CSIDriverList","type":"io.k8s.api.storage.v1.CSIDriver","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"storage.k8s.io/v1","svHash":"hL6j/rwBV5w=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"storage.k8s.io/v1","plural":"csinodes","singular":"csinode","kind":"CSINode","list":"CSINodeList","type":"io.k8s.api.storage.v1.CSINode","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"storage.k8s.io/v1","svHash":"Pe62DkZtjuo=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"storage.k8s.io/v1","plural":"csistoragecapacities","singular":"csistoragecapacity","kind":"CSIStorageCapacity","list":"CSIStorageCapacityList","type":"io.k8s.api.storage.v1.CSIStorageCapacity","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"storage.k8s.io/v1","svHash":"xeVl+2Ly1kE=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"storage.k8s.io/v1","plural":"storageclasses","singular":"storageclass","kind":"StorageClass","list":"StorageClassList","type":"io.k8s.api.storage.v1.StorageClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["sc"],"storage":"storage.k8s.io/v1","svHash":"K+m6uJwbjGY=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"storage.k8s.io/v1","plural":"volumeattachments","singular":"volumeattachment","kind":"VolumeAttachment","list":"VolumeAttachmentList","type":"io.k8s.api.storage.v1.VolumeAttachment","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"storage.k8s.io/v1","svHash":"tJx/ezt6UDU=","sub":{"status":{"kind":"storage.k8s.io/v1/VolumeAttachment","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"storage.k8s.io/v1","plural":"volumeattributesclasses","singular":"volumeattributesclass","kind":"VolumeAttributesClass","list":"VolumeAttributesClassList","type":"io.k8s.api.storage.v1.VolumeAttributesClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["vac"],"storage":"storage.k8s.io/v1","svHash":"tIjydgKBC5w=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"storage.k8s.io/v1beta1","plural":"volumeattributesclasses","singular":"volumeattributesclass","kind":"VolumeAttributesClass","list":"VolumeAttributesClassList","type":"io.k8s.api.storage.v1beta1.VolumeAttributesClass","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["vac"],"storage":"storage.k8s.io/v1","svHash":"tIjydgKBC5w=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"admissionregistration.k8s.io/v1","plural":"mutatingadmissionpolicies","singular":"mutatingadmissionpolicy","kind":"MutatingAdmissionPolicy","list":"MutatingAdmissionPolicyList","type":"io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"LYmCf+UMVdg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1","plural":"mutatingadmissionpolicybindings","singular":"mutatingadmissionpolicybinding","kind":"MutatingAdmissionPolicyBinding","list":"MutatingAdmissionPolicyBindingList","type":"io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"90V5FRZZ3Zg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1","plural":"mutatingwebhookconfigurations","singular":"mutatingwebhookconfiguration","kind":"MutatingWebhookConfiguration","list":"MutatingWebhookConfigurationList","type":"io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1","svHash":"Sqi0GUgDaX0=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1","plural":"validatingadmissionpolicies","singular":"validatingadmissionpolicy","kind":"ValidatingAdmissionPolicy","list":"ValidatingAdmissionPolicyList","type":"io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1","svHash":"6OxvlMmQ6is=","sub":{"status":{"kind":"admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["spec","metadata"]}}
{"gv":"admissionregistration.k8s.io/v1","plural":"validatingadmissionpolicybindings","singular":"validatingadmissionpolicybinding","kind":"ValidatingAdmissionPolicyBinding","list":"ValidatingAdmissionPolicyBindingList","type":"io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1","svHash":"v9715VZqakg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1","plural":"validatingwebhookconfigurations","singular":"validatingwebhookconfiguration","kind":"ValidatingWebhookConfiguration","list":"ValidatingWebhookConfigurationList","type":"io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1","svHash":"B0wHjQmsGNk=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1beta1","plural":"mutatingadmissionpolicies","singular":"mutatingadmissionpolicy","kind":"MutatingAdmissionPolicy","list":"MutatingAdmissionPolicyList","type":"io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicy","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"LYmCf+UMVdg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1beta1","plural":"mutatingadmissionpolicybindings","singular":"mutatingadmissionpolicybinding","kind":"MutatingAdmissionPolicyBinding","list":"MutatingAdmissionPolicyBindingList","type":"io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicyBinding","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"90V5FRZZ3Zg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1alpha1","plural":"mutatingadmissionpolicies","singular":"mutatingadmissionpolicy","kind":"MutatingAdmissionPolicy","list":"MutatingAdmissionPolicyList","type":"io.k8s.api.admissionregistration.v1alpha1.MutatingAdmissionPolicy","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"LYmCf+UMVdg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"admissionregistration.k8s.io/v1alpha1","plural":"mutatingadmissionpolicybindings","singular":"mutatingadmissionpolicybinding","kind":"MutatingAdmissionPolicyBinding","list":"MutatingAdmissionPolicyBindingList","type":"io.k8s.api.admissionregistration.v1alpha1.MutatingAdmissionPolicyBinding","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"cat":["api-extensions"],"storage":"admissionregistration.k8s.io/v1beta1","svHash":"90V5FRZZ3Zg=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false}
{"gv":"apiextensions.k8s.io/v1","plural":"customresourcedefinitions","singular":"customresourcedefinition","kind":"CustomResourceDefinition","list":"CustomResourceDefinitionList","type":"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["crd","crds"],"cat":["api-extensions"],"storage":"apiextensions.k8s.io/v1beta1","svHash":"jfWCUB31mvA=","sub":{"status":{"kind":"apiextensions.k8s.io/v1/CustomResourceDefinition","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["spec"]}}
{"gv":"scheduling.k8s.io/v1","plural":"priorityclasses","singular":"priorityclass","kind":"PriorityClass","list":"PriorityClassList","type":"io.k8s.api.scheduling.v1.PriorityClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"short":["pc"],"storage":"scheduling.k8s.io/v1","svHash":"1QwjyaZjj3Y=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"scheduling.k8s.io/v1alpha2","plural":"podgroups","singular":"podgroup","kind":"PodGroup","list":"PodGroupList","type":"io.k8s.api.scheduling.v1alpha2.PodGroup","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"scheduling.k8s.io/v1alpha2","svHash":"YYgX3v5V204=","sub":{"status":{"kind":"scheduling.k8s.io/v1alpha2/PodGroup","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"scheduling.k8s.io/v1alpha2","plural":"workloads","singular":"workload","kind":"Workload","list":"WorkloadList","type":"io.k8s.api.scheduling.v1alpha2.Workload","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"scheduling.k8s.io/v1alpha2","svHash":"vSX7gJe5Mx8=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"coordination.k8s.io/v1","plural":"leases","singular":"lease","kind":"Lease","list":"LeaseList","type":"io.k8s.api.coordination.v1.Lease","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"coordination.k8s.io/v1","svHash":"gqkMMb/YqFM=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":false}
{"gv":"coordination.k8s.io/v1beta1","plural":"leasecandidates","singular":"leasecandidate","kind":"LeaseCandidate","list":"LeaseCandidateList","type":"io.k8s.api.coordination.v1beta1.LeaseCandidate","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"coordination.k8s.io/v1beta1","svHash":"lvME0iHWE20=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":false}
{"gv":"coordination.k8s.io/v1alpha2","plural":"leasecandidates","singular":"leasecandidate","kind":"LeaseCandidate","list":"LeaseCandidateList","type":"io.k8s.api.coordination.v1alpha2.LeaseCandidate","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"coordination.k8s.io/v1beta1","svHash":"lvME0iHWE20=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":false}
{"gv":"node.k8s.io/v1","plural":"runtimeclasses","singular":"runtimeclass","kind":"RuntimeClass","list":"RuntimeClassList","type":"io.k8s.api.node.v1.RuntimeClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"node.k8s.io/v1","svHash":"WQTu1GL3T2Q=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":true,"unconditionalUpdate":false}
{"gv":"discovery.k8s.io/v1","plural":"endpointslices","singular":"endpointslice","kind":"EndpointSlice","list":"EndpointSliceList","type":"io.k8s.api.discovery.v1.EndpointSlice","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"discovery.k8s.io/v1","svHash":"qgS0xkrxYAI=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1","plural":"deviceclasses","singular":"deviceclass","kind":"DeviceClass","list":"DeviceClassList","type":"io.k8s.api.resource.v1.DeviceClass","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"Yk2PTc1Ybxk=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1","plural":"resourceclaims","singular":"resourceclaim","kind":"ResourceClaim","list":"ResourceClaimList","type":"io.k8s.api.resource.v1.ResourceClaim","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"wgAZaHcZxUg=","sub":{"status":{"kind":"resource.k8s.io/v1/ResourceClaim","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"resource.k8s.io/v1","plural":"resourceclaimtemplates","singular":"resourceclaimtemplate","kind":"ResourceClaimTemplate","list":"ResourceClaimTemplateList","type":"io.k8s.api.resource.v1.ResourceClaimTemplate","ns":true,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"TuzjC49aUfM=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1","plural":"resourceslices","singular":"resourceslice","kind":"ResourceSlice","list":"ResourceSliceList","type":"io.k8s.api.resource.v1.ResourceSlice","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"KsC072WgaEY=","fieldSel":["metadata.name","spec.nodeName","spec.driver"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta2","plural":"deviceclasses","singular":"deviceclass","kind":"DeviceClass","list":"DeviceClassList","type":"io.k8s.api.resource.v1beta2.DeviceClass","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"Yk2PTc1Ybxk=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta2","plural":"devicetaintrules","singular":"devicetaintrule","kind":"DeviceTaintRule","list":"DeviceTaintRuleList","type":"io.k8s.api.resource.v1beta2.DeviceTaintRule","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1alpha3","svHash":"DJ3UJ0fj8MI=","sub":{"status":{"kind":"resource.k8s.io/v1beta2/DeviceTaintRule","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"resource.k8s.io/v1beta2","plural":"resourceclaims","singular":"resourceclaim","kind":"ResourceClaim","list":"ResourceClaimList","type":"io.k8s.api.resource.v1beta2.ResourceClaim","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"wgAZaHcZxUg=","sub":{"status":{"kind":"resource.k8s.io/v1beta2/ResourceClaim","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"resource.k8s.io/v1beta2","plural":"resourceclaimtemplates","singular":"resourceclaimtemplate","kind":"ResourceClaimTemplate","list":"ResourceClaimTemplateList","type":"io.k8s.api.resource.v1beta2.ResourceClaimTemplate","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"TuzjC49aUfM=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta2","plural":"resourceslices","singular":"resourceslice","kind":"ResourceSlice","list":"ResourceSliceList","type":"io.k8s.api.resource.v1beta2.ResourceSlice","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"KsC072WgaEY=","fieldSel":["metadata.name","spec.nodeName","spec.driver"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta1","plural":"deviceclasses","singular":"deviceclass","kind":"DeviceClass","list":"DeviceClassList","type":"io.k8s.api.resource.v1beta1.DeviceClass","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"Yk2PTc1Ybxk=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta1","plural":"resourceclaims","singular":"resourceclaim","kind":"ResourceClaim","list":"ResourceClaimList","type":"io.k8s.api.resource.v1beta1.ResourceClaim","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"wgAZaHcZxUg=","sub":{"status":{"kind":"resource.k8s.io/v1beta1/ResourceClaim","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"resource.k8s.io/v1beta1","plural":"resourceclaimtemplates","singular":"resourceclaimtemplate","kind":"ResourceClaimTemplate","list":"ResourceClaimTemplateList","type":"io.k8s.api.resource.v1beta1.ResourceClaimTemplate","ns":true,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"TuzjC49aUfM=","fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1beta1","plural":"resourceslices","singular":"resourceslice","kind":"ResourceSlice","list":"ResourceSliceList","type":"io.k8s.api.resource.v1beta1.ResourceSlice","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1","svHash":"KsC072WgaEY=","fieldSel":["metadata.name","spec.nodeName","spec.driver"],"createOnUpdate":false,"unconditionalUpdate":true}
{"gv":"resource.k8s.io/v1alpha3","plural":"devicetaintrules","singular":"devicetaintrule","kind":"DeviceTaintRule","list":"DeviceTaintRuleList","type":"io.k8s.api.resource.v1alpha3.DeviceTaintRule","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1alpha3","svHash":"DJ3UJ0fj8MI=","sub":{"status":{"kind":"resource.k8s.io/v1alpha3/DeviceTaintRule","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"resource.k8s.io/v1alpha3","plural":"resourcepoolstatusrequests","singular":"resourcepoolstatusrequest","kind":"ResourcePoolStatusRequest","list":"ResourcePoolStatusRequestList","type":"io.k8s.api.resource.v1alpha3.ResourcePoolStatusRequest","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"resource.k8s.io/v1alpha3","svHash":"iy583CtMwdY=","sub":{"status":{"kind":"resource.k8s.io/v1alpha3/ResourcePoolStatusRequest","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"status":["metadata","spec"]}}
{"gv":"flowcontrol.apiserver.k8s.io/v1","plural":"flowschemas","singular":"flowschema","kind":"FlowSchema","list":"FlowSchemaList","type":"io.k8s.api.flowcontrol.v1.FlowSchema","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"flowcontrol.apiserver.k8s.io/v1","svHash":"GJVAJZSZBIw=","sub":{"status":{"kind":"flowcontrol.apiserver.k8s.io/v1/FlowSchema","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"flowcontrol.apiserver.k8s.io/v1","plural":"prioritylevelconfigurations","singular":"prioritylevelconfiguration","kind":"PriorityLevelConfiguration","list":"PriorityLevelConfigurationList","type":"io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration","ns":false,"on":true,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"flowcontrol.apiserver.k8s.io/v1","svHash":"Kir5PVfvNeI=","sub":{"status":{"kind":"flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":true,"reset":{"":["status"],"status":["spec","metadata"]}}
{"gv":"internal.apiserver.k8s.io/v1alpha1","plural":"storageversions","singular":"storageversion","kind":"StorageVersion","list":"StorageVersionList","type":"io.k8s.api.apiserverinternal.v1alpha1.StorageVersion","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"internal.apiserver.k8s.io/v1alpha1","svHash":"c8YZt5U0nPk=","sub":{"status":{"kind":"internal.apiserver.k8s.io/v1alpha1/StorageVersion","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["metadata","spec"]}}
{"gv":"storagemigration.k8s.io/v1beta1","plural":"storageversionmigrations","singular":"storageversionmigration","kind":"StorageVersionMigration","list":"StorageVersionMigrationList","type":"io.k8s.api.storagemigration.v1beta1.StorageVersionMigration","ns":false,"on":false,"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"storage":"storagemigration.k8s.io/v1beta1","svHash":"pCjmmKOkLy4=","sub":{"status":{"kind":"storagemigration.k8s.io/v1beta1/StorageVersionMigration","verbs":["get","patch","update"]}},"fieldSel":["metadata.name","metadata.namespace"],"createOnUpdate":false,"unconditionalUpdate":false,"reset":{"":["status"],"status":["metadata","spec"]}}
`;
