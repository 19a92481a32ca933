/**
 * The structs of a pod's spec as kube-apiserver holds them in memory, whose names its messages
 * show. One a line: the struct, then field by field its name and what an absent one is: `s` "", `n`
 * 0, `b` false, `q` "0", `?` null and `=` an empty struct, both with the struct they hold. A line
 * that begins with two spaces goes on with the one before.
 */
export const shapes = `
AWSElasticBlockStoreVolumeSource VolumeID:s FSType:s Partition:n ReadOnly:b
Affinity NodeAffinity:?NodeAffinity PodAffinity:?PodAffinity PodAntiAffinity:?PodAntiAffinity
AppArmorProfile Type:s LocalhostProfile:?
AzureDiskVolumeSource DiskName:s DataDiskURI:s CachingMode:? FSType:? ReadOnly:? Kind:?
AzureFilePersistentVolumeSource SecretName:s ShareName:s ReadOnly:b SecretNamespace:?
AzureFileVolumeSource SecretName:s ShareName:s ReadOnly:b
CSIPersistentVolumeSource Driver:s VolumeHandle:s ReadOnly:b FSType:s VolumeAttributes:?
  ControllerPublishSecretRef:?SecretReference NodeStageSecretRef:?SecretReference
  NodePublishSecretRef:?SecretReference ControllerExpandSecretRef:?SecretReference
  NodeExpandSecretRef:?SecretReference
CSIVolumeSource Driver:s ReadOnly:? FSType:? VolumeAttributes:?
  NodePublishSecretRef:?LocalObjectReference
Capabilities Add:? Drop:?
CephFSPersistentVolumeSource Monitors:? Path:s User:s SecretFile:s SecretRef:?SecretReference
  ReadOnly:b
CephFSVolumeSource Monitors:? Path:s User:s SecretFile:s SecretRef:?LocalObjectReference ReadOnly:b
CinderPersistentVolumeSource VolumeID:s FSType:s ReadOnly:b SecretRef:?SecretReference
CinderVolumeSource VolumeID:s FSType:s ReadOnly:b SecretRef:?LocalObjectReference
ClusterTrustBundleProjection Name:? SignerName:? LabelSelector:? Optional:? Path:s
ConfigMapEnvSource Name:s Optional:?
ConfigMapKeySelector Name:s Key:s Optional:?
ConfigMapProjection Name:s Items:?KeyToPath Optional:?
ConfigMapVolumeSource Name:s Items:?KeyToPath DefaultMode:? Optional:?
Container Name:s Image:s Command:? Args:? WorkingDir:s Ports:?ContainerPort EnvFrom:?EnvFromSource
  Env:?EnvVar Resources:=ResourceRequirements ResizePolicy:?ContainerResizePolicy RestartPolicy:?
  RestartPolicyRules:?ContainerRestartRule VolumeMounts:?VolumeMount VolumeDevices:?VolumeDevice
  LivenessProbe:?Probe ReadinessProbe:?Probe StartupProbe:?Probe Lifecycle:?Lifecycle
  TerminationMessagePath:s TerminationMessagePolicy:s ImagePullPolicy:s
  SecurityContext:?SecurityContext Stdin:b StdinOnce:b TTY:b
ContainerPort Name:s HostPort:n ContainerPort:n Protocol:s HostIP:s
ContainerResizePolicy ResourceName:s RestartPolicy:s
ContainerRestartRule Action:s ExitCodes:?ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes Operator:s Values:?
DownwardAPIProjection Items:?DownwardAPIVolumeFile
DownwardAPIVolumeFile Path:s FieldRef:?ObjectFieldSelector ResourceFieldRef:?ResourceFieldSelector
  Mode:?
DownwardAPIVolumeSource Items:?DownwardAPIVolumeFile DefaultMode:?
EmptyDirVolumeSource Medium:s SizeLimit:?
EnvFromSource Prefix:s ConfigMapRef:?ConfigMapEnvSource SecretRef:?SecretEnvSource
EnvVar Name:s Value:s ValueFrom:?EnvVarSource
EnvVarSource FieldRef:?ObjectFieldSelector ResourceFieldRef:?ResourceFieldSelector
  ConfigMapKeyRef:?ConfigMapKeySelector SecretKeyRef:?SecretKeySelector FileKeyRef:?FileKeySelector
EphemeralContainer Name:s Image:s Command:? Args:? WorkingDir:s Ports:?ContainerPort
  EnvFrom:?EnvFromSource Env:?EnvVar Resources:=ResourceRequirements
  ResizePolicy:?ContainerResizePolicy RestartPolicy:? RestartPolicyRules:?ContainerRestartRule
  VolumeMounts:?VolumeMount VolumeDevices:?VolumeDevice LivenessProbe:?Probe ReadinessProbe:?Probe
  StartupProbe:?Probe Lifecycle:?Lifecycle TerminationMessagePath:s TerminationMessagePolicy:s
  ImagePullPolicy:s SecurityContext:?SecurityContext Stdin:b StdinOnce:b TTY:b TargetContainerName:s
EphemeralVolumeSource VolumeClaimTemplate:?PersistentVolumeClaimTemplate
ExecAction Command:?
FCVolumeSource TargetWWNs:? Lun:? FSType:s ReadOnly:b WWIDs:?
FileKeySelector VolumeName:s Path:s Key:s Optional:?
FlexPersistentVolumeSource Driver:s FSType:s SecretRef:?SecretReference ReadOnly:b Options:?
FlexVolumeSource Driver:s FSType:s SecretRef:?LocalObjectReference ReadOnly:b Options:?
FlockerVolumeSource DatasetName:s DatasetUUID:s
GCEPersistentDiskVolumeSource PDName:s FSType:s Partition:n ReadOnly:b
GRPCAction Port:n Service:?
GitRepoVolumeSource Repository:s Revision:s Directory:s
GlusterfsPersistentVolumeSource EndpointsName:s Path:s ReadOnly:b EndpointsNamespace:?
GlusterfsVolumeSource EndpointsName:s Path:s ReadOnly:b
HTTPGetAction Path:s Port:n Host:s Scheme:s HTTPHeaders:?HTTPHeader
HTTPHeader Name:s Value:s
HostAlias IP:s Hostnames:?
HostIP IP:s
HostPathVolumeSource Path:s Type:?
ISCSIPersistentVolumeSource TargetPortal:s IQN:s Lun:n ISCSIInterface:s FSType:s ReadOnly:b
  Portals:? DiscoveryCHAPAuth:b SessionCHAPAuth:b SecretRef:?SecretReference InitiatorName:?
ISCSIVolumeSource TargetPortal:s IQN:s Lun:n ISCSIInterface:s FSType:s ReadOnly:b Portals:?
  DiscoveryCHAPAuth:b SessionCHAPAuth:b SecretRef:?LocalObjectReference InitiatorName:?
ImageVolumeSource Reference:s PullPolicy:s
KeyToPath Key:s Path:s Mode:?
Lifecycle PostStart:?LifecycleHandler PreStop:?LifecycleHandler StopSignal:?
LifecycleHandler Exec:?ExecAction HTTPGet:?HTTPGetAction TCPSocket:?TCPSocketAction
  Sleep:?SleepAction
LocalObjectReference Name:s
LocalVolumeSource Path:s FSType:?
NFSVolumeSource Server:s Path:s ReadOnly:b
NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution:?NodeSelector
  PreferredDuringSchedulingIgnoredDuringExecution:?PreferredSchedulingTerm
NodeSelector NodeSelectorTerms:?NodeSelectorTerm
NodeSelectorRequirement Key:s Operator:s Values:?
NodeSelectorTerm MatchExpressions:?NodeSelectorRequirement MatchFields:?NodeSelectorRequirement
ObjectFieldSelector APIVersion:s FieldPath:s
ObjectReference Kind:s Namespace:s Name:s UID:s APIVersion:s ResourceVersion:s FieldPath:s
PersistentVolumeClaimSpec AccessModes:? Selector:? Resources:=VolumeResourceRequirements
  VolumeName:s StorageClassName:? VolumeMode:? DataSource:?TypedLocalObjectReference
  DataSourceRef:?TypedObjectReference VolumeAttributesClassName:?
PersistentVolumeClaimTemplate Spec:=PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource ClaimName:s ReadOnly:b
PersistentVolumeSpec Capacity:? GCEPersistentDisk:?GCEPersistentDiskVolumeSource
  AWSElasticBlockStore:?AWSElasticBlockStoreVolumeSource HostPath:?HostPathVolumeSource
  Glusterfs:?GlusterfsPersistentVolumeSource NFS:?NFSVolumeSource RBD:?RBDPersistentVolumeSource
  Quobyte:?QuobyteVolumeSource ISCSI:?ISCSIPersistentVolumeSource
  FlexVolume:?FlexPersistentVolumeSource Cinder:?CinderPersistentVolumeSource
  CephFS:?CephFSPersistentVolumeSource FC:?FCVolumeSource Flocker:?FlockerVolumeSource
  AzureFile:?AzureFilePersistentVolumeSource VsphereVolume:?VsphereVirtualDiskVolumeSource
  AzureDisk:?AzureDiskVolumeSource PhotonPersistentDisk:?PhotonPersistentDiskVolumeSource
  PortworxVolume:?PortworxVolumeSource ScaleIO:?ScaleIOPersistentVolumeSource
  Local:?LocalVolumeSource StorageOS:?StorageOSPersistentVolumeSource CSI:?CSIPersistentVolumeSource
  AccessModes:? ClaimRef:?ObjectReference PersistentVolumeReclaimPolicy:s StorageClassName:s
  MountOptions:? VolumeMode:? NodeAffinity:?VolumeNodeAffinity VolumeAttributesClassName:?
PhotonPersistentDiskVolumeSource PdID:s FSType:s
PodAffinity RequiredDuringSchedulingIgnoredDuringExecution:?PodAffinityTerm
  PreferredDuringSchedulingIgnoredDuringExecution:?WeightedPodAffinityTerm
PodAffinityTerm LabelSelector:? Namespaces:? TopologyKey:s NamespaceSelector:? MatchLabelKeys:?
  MismatchLabelKeys:?
PodAntiAffinity RequiredDuringSchedulingIgnoredDuringExecution:?PodAffinityTerm
  PreferredDuringSchedulingIgnoredDuringExecution:?WeightedPodAffinityTerm
PodCertificateProjection SignerName:s KeyType:s MaxExpirationSeconds:? CredentialBundlePath:s
  KeyPath:s CertificateChainPath:s UserAnnotations:?
PodDNSConfig Nameservers:? Searches:? Options:?PodDNSConfigOption
PodDNSConfigOption Name:s Value:?
PodIP IP:s
PodOS Name:s
PodReadinessGate ConditionType:s
PodResourceClaim Name:s ResourceClaimName:? ResourceClaimTemplateName:?
PodSchedulingGate Name:s
PodSchedulingGroup PodGroupName:?
PodSecurityContext HostNetwork:b HostPID:b HostIPC:b ShareProcessNamespace:? HostUsers:?
  SELinuxOptions:?SELinuxOptions WindowsOptions:?WindowsSecurityContextOptions RunAsUser:?
  RunAsGroup:? RunAsNonRoot:? SupplementalGroups:? SupplementalGroupsPolicy:? FSGroup:?
  FSGroupChangePolicy:? Sysctls:?Sysctl SeccompProfile:?SeccompProfile
  AppArmorProfile:?AppArmorProfile SELinuxChangePolicy:?
PodSpec Volumes:?Volume InitContainers:?Container Containers:?Container
  EphemeralContainers:?EphemeralContainer RestartPolicy:s TerminationGracePeriodSeconds:?
  ActiveDeadlineSeconds:? DNSPolicy:s NodeSelector:? ServiceAccountName:s
  AutomountServiceAccountToken:? NodeName:s SecurityContext:?PodSecurityContext
  ImagePullSecrets:?LocalObjectReference Hostname:s Subdomain:s SetHostnameAsFQDN:?
  Affinity:?Affinity SchedulerName:s Tolerations:?Toleration HostAliases:?HostAlias
  PriorityClassName:s Priority:? PreemptionPolicy:? DNSConfig:?PodDNSConfig
  ReadinessGates:?PodReadinessGate RuntimeClassName:? Overhead:? EnableServiceLinks:?
  TopologySpreadConstraints:?TopologySpreadConstraint OS:?PodOS SchedulingGates:?PodSchedulingGate
  ResourceClaims:?PodResourceClaim Resources:?ResourceRequirements HostnameOverride:?
  SchedulingGroup:?PodSchedulingGroup
PortworxVolumeSource VolumeID:s FSType:s ReadOnly:b
PreferredSchedulingTerm Weight:n Preference:=NodeSelectorTerm
Probe Exec:?ExecAction HTTPGet:?HTTPGetAction TCPSocket:?TCPSocketAction GRPC:?GRPCAction
  InitialDelaySeconds:n TimeoutSeconds:n PeriodSeconds:n SuccessThreshold:n FailureThreshold:n
  TerminationGracePeriodSeconds:?
ProjectedVolumeSource Sources:?VolumeProjection DefaultMode:?
QuobyteVolumeSource Registry:s Volume:s ReadOnly:b User:s Group:s Tenant:s
RBDPersistentVolumeSource CephMonitors:? RBDImage:s FSType:s RBDPool:s RadosUser:s Keyring:s
  SecretRef:?SecretReference ReadOnly:b
RBDVolumeSource CephMonitors:? RBDImage:s FSType:s RBDPool:s RadosUser:s Keyring:s
  SecretRef:?LocalObjectReference ReadOnly:b
ResourceClaim Name:s Request:s
ResourceFieldSelector ContainerName:s Resource:s Divisor:q
ResourceRequirements Limits:? Requests:? Claims:?ResourceClaim
SELinuxOptions User:s Role:s Type:s Level:s
ScaleIOPersistentVolumeSource Gateway:s System:s SecretRef:?SecretReference SSLEnabled:b
  ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s ReadOnly:b
ScaleIOVolumeSource Gateway:s System:s SecretRef:?LocalObjectReference SSLEnabled:b
  ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s ReadOnly:b
SeccompProfile Type:s LocalhostProfile:?
SecretEnvSource Name:s Optional:?
SecretKeySelector Name:s Key:s Optional:?
SecretProjection Name:s Items:?KeyToPath Optional:?
SecretReference Name:s Namespace:s
SecretVolumeSource SecretName:s Items:?KeyToPath DefaultMode:? Optional:?
SecurityContext Capabilities:?Capabilities Privileged:? SELinuxOptions:?SELinuxOptions
  WindowsOptions:?WindowsSecurityContextOptions RunAsUser:? RunAsGroup:? RunAsNonRoot:?
  ReadOnlyRootFilesystem:? AllowPrivilegeEscalation:? ProcMount:? SeccompProfile:?SeccompProfile
  AppArmorProfile:?AppArmorProfile
ServiceAccountTokenProjection Audience:s ExpirationSeconds:n Path:s
ServicePort Name:s Protocol:s AppProtocol:? Port:n TargetPort:n NodePort:n
SleepAction Seconds:n
StorageOSPersistentVolumeSource VolumeName:s VolumeNamespace:s FSType:s ReadOnly:b
  SecretRef:?ObjectReference
StorageOSVolumeSource VolumeName:s VolumeNamespace:s FSType:s ReadOnly:b
  SecretRef:?LocalObjectReference
Sysctl Name:s Value:s
TCPSocketAction Port:n Host:s
Toleration Key:s Operator:s Value:s Effect:s TolerationSeconds:?
TopologySpreadConstraint MaxSkew:n TopologyKey:s WhenUnsatisfiable:s LabelSelector:? MinDomains:?
  NodeAffinityPolicy:? NodeTaintsPolicy:? MatchLabelKeys:?
TypedLocalObjectReference APIGroup:? Kind:s Name:s
TypedObjectReference APIGroup:? Kind:s Name:s Namespace:?
Volume Name:s HostPath:?HostPathVolumeSource EmptyDir:?EmptyDirVolumeSource
  GCEPersistentDisk:?GCEPersistentDiskVolumeSource
  AWSElasticBlockStore:?AWSElasticBlockStoreVolumeSource GitRepo:?GitRepoVolumeSource
  Secret:?SecretVolumeSource NFS:?NFSVolumeSource ISCSI:?ISCSIVolumeSource
  Glusterfs:?GlusterfsVolumeSource PersistentVolumeClaim:?PersistentVolumeClaimVolumeSource
  RBD:?RBDVolumeSource Quobyte:?QuobyteVolumeSource FlexVolume:?FlexVolumeSource
  Cinder:?CinderVolumeSource CephFS:?CephFSVolumeSource Flocker:?FlockerVolumeSource
  DownwardAPI:?DownwardAPIVolumeSource FC:?FCVolumeSource AzureFile:?AzureFileVolumeSource
  ConfigMap:?ConfigMapVolumeSource VsphereVolume:?VsphereVirtualDiskVolumeSource
  AzureDisk:?AzureDiskVolumeSource PhotonPersistentDisk:?PhotonPersistentDiskVolumeSource
  Projected:?ProjectedVolumeSource PortworxVolume:?PortworxVolumeSource ScaleIO:?ScaleIOVolumeSource
  StorageOS:?StorageOSVolumeSource CSI:?CSIVolumeSource Ephemeral:?EphemeralVolumeSource
  Image:?ImageVolumeSource
VolumeDevice Name:s DevicePath:s
VolumeMount Name:s ReadOnly:b RecursiveReadOnly:? MountPath:s SubPath:s MountPropagation:?
  SubPathExpr:s
VolumeNodeAffinity Required:?NodeSelector
VolumeProjection Secret:?SecretProjection DownwardAPI:?DownwardAPIProjection
  ConfigMap:?ConfigMapProjection ServiceAccountToken:?ServiceAccountTokenProjection
  ClusterTrustBundle:?ClusterTrustBundleProjection PodCertificate:?PodCertificateProjection
VolumeResourceRequirements Limits:? Requests:?
VsphereVirtualDiskVolumeSource VolumePath:s FSType:s StoragePolicyName:s StoragePolicyID:s
WeightedPodAffinityTerm Weight:n PodAffinityTerm:=PodAffinityTerm
WindowsSecurityContextOptions GMSACredentialSpecName:? GMSACredentialSpec:? RunAsUserName:?
  HostProcess:?
`;
