/**
 * What the fields of volumes, claims and storage classes are for. The form is described in
 * texts.ts.
 */
export const volumeTexts = (): string => `
@Volume A volume of a pod: a name, and exactly one source.
configMap Files from the keys of a ConfigMap.
csi A volume that a CSI driver makes for this pod alone.
downwardAPI Files with facts about the pod.
emptyDir A directory that is empty at first and goes with the pod.
ephemeral A claim that is made from a template for this pod, and deleted with it.
gitRepo A clone of a git repository. No longer supported; use an init container and emptyDir.
hostPath A file or directory of the node. Opens the node to the pod: avoid it where anything else
  will do.
image Files of an image, read-only.
name Name of the volume: a DNS label, different from all others of the pod.
nfs A directory of an NFS server.
persistentVolumeClaim A claim of the pod's namespace.
projected Files of several sources in one directory.
secret Files from the keys of a Secret.
@Volume,PersistentVolumeSpec
awsElasticBlockStore A disk of AWS. The drivers in the tree are gone: the CSI driver ebs.csi.aws.com
  serves it.
azureDisk A disk of Azure. The CSI driver disk.csi.azure.com serves it.
azureFile A file share of Azure. The CSI driver file.csi.azure.com serves it.
cephfs A CephFS of the node's. No longer supported.
cinder A volume of OpenStack. The CSI driver cinder.csi.openstack.org serves it.
fc A Fibre Channel device that is attached to the node.
flexVolume A volume of a program on the node. Deprecated: use a CSI driver.
flocker A Flocker volume. No longer supported.
gcePersistentDisk A disk of Google Compute Engine. The CSI driver pd.csi.storage.gke.io serves it.
glusterfs A Glusterfs volume. No longer supported.
iscsi A disk of an iSCSI target.
photonPersistentDisk A disk of the Photon controller. No longer supported.
portworxVolume A Portworx volume. The CSI driver pxd.portworx.com serves it.
quobyte A Quobyte volume. No longer supported.
rbd A RADOS block device. No longer supported.
scaleIO A ScaleIO volume. No longer supported.
storageos A StorageOS volume. No longer supported.
vsphereVolume A disk of vSphere. The CSI driver csi.vsphere.vmware.com serves it.
@PersistentVolume A piece of storage of the cluster, made by an administrator or for a claim.
spec Where the storage is, and what it can do.
status Who uses it.
@PersistentVolumeSpec A piece of storage: its kind, size and rules.
accessModes Ways in which it can be mounted: ReadWriteOnce, ReadOnlyMany, ReadWriteMany,
  ReadWriteOncePod.
capacity Size of the volume, under storage.
claimRef The claim that the volume is bound to, or should be.
csi Storage that a CSI driver serves.
hostPath A directory of the node, for tests on a single node.
local A disk or directory of one node; needs nodeAffinity.
mountOptions Options of the mount, such as ro or soft. They are not checked: a wrong one makes the
  mount fail.
nfs A directory of an NFS server.
nodeAffinity Nodes that the volume can be reached from.
persistentVolumeReclaimPolicy What becomes of the volume when its claim is gone: Retain, Delete or
  Recycle (deprecated).
storageClassName StorageClass that the volume belongs to. Empty means none.
volumeAttributesClassName VolumeAttributesClass whose parameters the volume has.
volumeMode Filesystem (the default) or Block.
@PersistentVolumeStatus State of a volume.
lastPhaseTransitionTime When the phase changed last.
message Why the volume is in this state, for people.
phase Available, Bound, Released or Failed; Pending until it is known.
reason One word for why the volume has failed.
@PersistentVolumeClaim A request for storage by those who use it.
spec What storage is wanted.
status What storage was found.
@PersistentVolumeClaimSpec What storage is wanted.
accessModes Ways in which the volume must be mountable: ReadWriteOnce, ReadOnlyMany, ReadWriteMany,
  ReadWriteOncePod.
dataSource A VolumeSnapshot or another claim of the namespace that the new volume is filled from.
dataSourceRef Any object that the new volume is filled from, where a driver or populator knows its
  kind. Holds the same as dataSource when that is set.
resources Least size of the volume, in requests.storage. May be raised later where the class allows
  it.
selector Labels of the volumes that may be bound.
storageClassName StorageClass that is wanted. Not given: the default one. Empty text: no class at
  all.
volumeAttributesClassName VolumeAttributesClass for the volume. May be changed while it is in use.
volumeMode Filesystem (the default) or Block.
volumeName PersistentVolume that the claim is bound to, or should be.
@PersistentVolumeClaimStatus What storage a claim has.
accessModes Ways in which the bound volume can be mounted.
allocatedResourceStatuses How far a change of a resource, such as storage, has come.
allocatedResources Size that was set aside, greater than capacity while the volume grows.
capacity Size of the bound volume.
conditions State of the claim; shows a change of size that waits for something.
currentVolumeAttributesClassName VolumeAttributesClass that is in force.
modifyVolumeStatus How far a change of volumeAttributesClassName has come.
phase Pending, Bound, or Lost when the volume is gone.
@PersistentVolumeClaimCondition One aspect of a claim's state.
@ModifyVolumeStatus A change of the attributes of a volume.
status Pending, InProgress or Infeasible.
targetVolumeAttributesClassName Class that is being changed to.
@PersistentVolumeClaimTemplate A claim to be made for a pod.
spec Spec of the claim.
metadata Labels and annotations of the claim. Nothing else is allowed.
@VolumeNodeAffinity Nodes that a volume can be reached from.
required Terms of which a node must meet one.
@TypedLocalObjectReference,TypedObjectReference An object of any kind.
apiGroup Group of the kind. Empty for the core group.
kind Kind of the object.
name Name of the object.
namespace Namespace of the object. Another than one's own needs a ReferenceGrant there.
@StorageClass A kind of storage, and who makes volumes of it.
allowVolumeExpansion Whether claims may ask for more than they have.
allowedTopologies Zones or other domains in which volumes may be made. Empty means everywhere.
mountOptions Mount options of the volumes that are made.
parameters Settings for the provisioner; at most 512, of 256 KiB in all.
provisioner Who makes the volumes, such as the name of a CSI driver.
reclaimPolicy Reclaim policy of the volumes that are made: Delete (the default) or Retain.
volumeBindingMode When volumes are made and bound: Immediate (the default), or WaitForFirstConsumer,
  once a pod is scheduled.
@TopologySelectorTerm Demands about the place of a volume.
matchLabelExpressions Labels that must match, all of them.
@TopologySelectorLabelRequirement A label and the values it may have.
key The label.
values The values, of which one must match.
@ConfigMapVolumeSource,ConfigMapProjection,SecretVolumeSource,SecretProjection,DownwardAPIVolumeSource,DownwardAPIProjection,ProjectedVolumeSource
  Files from objects of the API.
defaultMode Mode of the files where none is given, as 0644 or in decimal. Defaults to 0644.
items The keys or facts that become files. Not given: every key, under its own name.
name Name of the object in the pod's namespace.
optional Whether the object or keys of it may be missing.
secretName Name of the Secret in the pod's namespace.
sources The sources whose files are put together.
@KeyToPath A key that becomes a file.
key The key.
mode Mode of the file. Defaults to that of the volume.
path Path of the file in the volume. Must be relative and must not hold "..".
@DownwardAPIVolumeFile A file with a fact about the pod.
fieldRef A field of the pod: its name, namespace, uid, labels or annotations.
mode Mode of the file. Defaults to that of the volume.
path Path of the file in the volume. Must be relative and must not hold "..".
resourceFieldRef A resource of a container, such as limits.cpu.
@VolumeProjection One source of a projected volume; exactly one field is set.
clusterTrustBundle Certificates of authorities from ClusterTrustBundles, kept up to date.
configMap Keys of a ConfigMap.
downwardAPI Facts about the pod.
podCertificate A key and certificate for the pod, renewed as needed.
secret Keys of a Secret.
serviceAccountToken A token of the pod's service account, renewed before it expires.
@ClusterTrustBundleProjection Certificates of authorities as one file.
labelSelector Labels of the bundles of signerName that are taken.
name One bundle by name. Not together with signerName.
optional Whether the bundles may be missing.
path Path of the file in the volume.
signerName Signer whose bundles are taken. Not together with name.
@PodCertificateProjection A key and the certificate for it.
certificateChainPath File for the certificates alone.
credentialBundlePath File for key and certificates together.
keyPath File for the key alone.
keyType Kind of key: RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521 or ED25519.
maxExpirationSeconds Longest life of the certificate. Defaults to a day.
signerName Signer that is asked for the certificate.
userAnnotations Further wishes that are handed to the signer.
@ServiceAccountTokenProjection A token of the pod's service account.
audience Whom the token is for. Defaults to the API server.
expirationSeconds Life of the token that is asked for, at least 600. Defaults to an hour.
path Path of the file in the volume.
@EmptyDirVolumeSource A directory that goes with the pod.
medium Where it is: on the node's disk (empty, the default), in Memory, or HugePages.
sizeLimit Most that it may hold; the pod is evicted when it holds more. In memory, a limit of the
  mount.
@EphemeralVolumeSource A claim of the pod's own.
volumeClaimTemplate The claim that is made, named after the pod and the volume.
@PersistentVolumeClaimVolumeSource A claim as a volume.
claimName Claim in the pod's namespace.
readOnly Whether it is mounted read-only everywhere. Defaults to false.
@HostPathVolumeSource A file or directory of the node.
path Path on the node. A link is followed.
type What must be there: nothing in particular (empty), Directory, File, Socket, CharDevice,
  BlockDevice, or made when missing: DirectoryOrCreate, FileOrCreate.
@ImageVolumeSource Files of an image.
pullPolicy When the image is pulled: Always, IfNotPresent or Never.
reference Name of the image.
@GitRepoVolumeSource A clone of a git repository.
directory Directory in the volume that it is cloned into.
repository URL of the repository.
revision Commit that is checked out.
@LocalVolumeSource A disk or directory of one node.
fsType File system that a disk is formatted with when it has none.
path Path on the node.
@NFSVolumeSource A directory of an NFS server.
path Path that the server exports.
readOnly Whether it is mounted read-only. Defaults to false.
server Name or address of the server.
@CSIVolumeSource,CSIPersistentVolumeSource Storage that a CSI driver serves.
controllerExpandSecretRef Secret that the driver gets when the volume grows.
controllerPublishSecretRef Secret that the driver gets when the volume is attached to a node.
driver Name of the driver.
fsType File system of the volume. Defaults to what the driver chooses.
nodeExpandSecretRef Secret that the driver gets when the file system grows on the node.
nodePublishSecretRef Secret that the driver gets when the volume is mounted for a pod.
nodeStageSecretRef Secret that the driver gets when the volume is made ready on the node.
readOnly Whether it is mounted read-only. Defaults to false.
volumeAttributes What the driver wants to know of the volume.
volumeHandle Name that the driver has for the volume. Cannot be changed.
@ISCSIVolumeSource,ISCSIPersistentVolumeSource A disk of an iSCSI target.
chapAuthDiscovery Whether CHAP is used when targets are looked for.
chapAuthSession Whether CHAP is used for the session.
fsType File system of the disk. Defaults to ext4.
initiatorName Own name of the initiator, in the place of the node's.
iqn Name of the target.
iscsiInterface Interface of the initiator. Defaults to default (tcp).
lun Number of the disk at the target.
portals Further portals of the target, IP or IP:port.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret with the names and passwords for CHAP.
targetPortal Portal of the target, IP or IP:port.
@FCVolumeSource A Fibre Channel device.
fsType File system of the device.
lun Number of the device at the target.
readOnly Whether it is mounted read-only. Defaults to false.
targetWWNs World wide names of the targets.
wwids World wide identifiers of the device. Either these, or targetWWNs and lun.
@FlexVolumeSource,FlexPersistentVolumeSource A volume of a program on the node.
driver Name of the program.
fsType File system of the volume.
options What the program wants to know.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret that is handed to the program.
@AWSElasticBlockStoreVolumeSource A disk of AWS.
fsType File system of the disk.
partition Partition that is mounted. 0 or none means the whole disk.
readOnly Whether it is mounted read-only. Defaults to false.
volumeID ID of the disk.
@AzureDiskVolumeSource A disk of Azure.
cachingMode Caching on the host: None, ReadOnly or ReadWrite.
diskName Name of the disk.
diskURI URI of the disk.
fsType File system of the disk. Defaults to ext4.
kind Shared, Dedicated or Managed.
readOnly Whether it is mounted read-only. Defaults to false.
@AzureFileVolumeSource,AzureFilePersistentVolumeSource A file share of Azure.
readOnly Whether it is mounted read-only. Defaults to false.
secretName Secret with the name and key of the storage account.
secretNamespace Namespace of that Secret. Defaults to the pod's.
shareName Name of the share.
@CephFSVolumeSource,CephFSPersistentVolumeSource A CephFS.
monitors Addresses of the monitors.
path Directory that is mounted. Defaults to the root.
readOnly Whether it is mounted read-only. Defaults to false.
secretFile File of the node with the key.
secretRef Secret with the key; it wins over secretFile.
user Name of the user. Defaults to admin.
@CinderVolumeSource,CinderPersistentVolumeSource A volume of OpenStack.
fsType File system of the volume. Defaults to ext4.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret with what is needed to reach OpenStack.
volumeID ID of the volume.
@FlockerVolumeSource A Flocker volume.
datasetName Name of the dataset. Deprecated.
datasetUUID ID of the dataset.
@GCEPersistentDiskVolumeSource A disk of Google Compute Engine.
fsType File system of the disk. Defaults to ext4.
partition Partition that is mounted. 0 or none means the whole disk.
pdName Name of the disk.
readOnly Whether it is mounted read-only. Defaults to false.
@GlusterfsVolumeSource,GlusterfsPersistentVolumeSource A Glusterfs volume.
endpoints Endpoints object with the addresses of the servers.
endpointsNamespace Namespace of that object. Defaults to the claim's.
path Name of the volume.
readOnly Whether it is mounted read-only. Defaults to false.
@PhotonPersistentDiskVolumeSource A disk of the Photon controller.
fsType File system of the disk.
pdID ID of the disk.
@PortworxVolumeSource A Portworx volume.
fsType File system of the volume. Defaults to ext4.
readOnly Whether it is mounted read-only. Defaults to false.
volumeID ID of the volume.
@QuobyteVolumeSource A Quobyte volume.
group Group that the files belong to.
readOnly Whether it is mounted read-only. Defaults to false.
registry Addresses of the registry, host:port with commas between.
tenant Tenant that owns the volume.
user User that the files belong to.
volume Name of the volume.
@RBDVolumeSource,RBDPersistentVolumeSource A RADOS block device.
fsType File system of the device. Defaults to ext4.
image Name of the image.
keyring File of the node with the key. Defaults to /etc/ceph/keyring.
monitors Addresses of the monitors.
pool Pool of the image. Defaults to rbd.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret with the key; it wins over keyring.
user Name of the user. Defaults to admin.
@ScaleIOVolumeSource,ScaleIOPersistentVolumeSource A ScaleIO volume.
fsType File system of the volume. Defaults to xfs.
gateway Address of the gateway.
protectionDomain Protection domain of the volume.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret with the user's name and password.
sslEnabled Whether the gateway is spoken to over TLS. Defaults to false.
storageMode ThinProvisioned (the default) or ThickProvisioned.
storagePool Pool of the volume.
system Name of the storage system.
volumeName Name of the volume.
@StorageOSVolumeSource,StorageOSPersistentVolumeSource A StorageOS volume.
fsType File system of the volume. Defaults to ext4.
readOnly Whether it is mounted read-only. Defaults to false.
secretRef Secret with what is needed to reach StorageOS.
volumeName Name of the volume.
volumeNamespace Namespace of the volume in StorageOS. Defaults to the pod's.
@VsphereVirtualDiskVolumeSource A disk of vSphere.
fsType File system of the disk. Defaults to ext4.
storagePolicyID ID of the storage policy.
storagePolicyName Name of the storage policy.
volumePath Path of the disk.
`;
