/**
 * What the fields of storage drivers and of what they report are for. The form is described in
 * texts.ts.
 */
export const storageTexts = (): string => `
@CSIDriverSpec What a storage driver wants to be told and can do.
attachRequired Whether a volume must be attached by a VolumeAttachment before it is mounted.
  Defaults to true. Cannot be changed.
fsGroupPolicy When a pod's fsGroup is given to the files: ReadWriteOnceWithFSType (the default): for
  volumes with a file system type that one node writes; File: always; None: never.
nodeAllocatableUpdatePeriodSeconds Seconds after which a node asks the driver again how many volumes
  it can take, at least 10. Not given: it is asked when it registers.
podInfoOnMount Whether the driver is told the pod's name, namespace, UID and service account when a
  volume is mounted. Defaults to false.
preventPodSchedulingIfMissing Whether pods with volumes of the driver are kept from nodes where it
  is not registered. Counts as false where it is not given.
requiresRepublish Whether the driver is called again and again for a mounted volume, to renew what
  is in it. Defaults to false.
seLinuxMount Whether the driver lets volumes be mounted with an SELinux context of their own.
  Defaults to false.
serviceAccountTokenInSecrets Whether tokens are handed over among the secrets of the call instead of
  the volume's attributes. Only with tokenRequests.
storageCapacity Whether the scheduler asks CSIStorageCapacity objects for room before it chooses a
  node. Defaults to false.
tokenRequests Tokens of the pod's service account that the driver gets when a volume is mounted.
  Each audience once.
volumeLifecycleModes Uses that the driver is made for: Persistent (the default), by claims;
  Ephemeral, in a pod's own spec. Cannot be changed.
@storage/TokenRequest A token that a storage driver gets.
audience Name of whom the token is for. Empty: the API server.
expirationSeconds Seconds that the token is good for, at least 600. Not given: 3600.
@CSINode Storage drivers that run on a node. It is called like the node, and kept by the node
  itself.
spec The drivers.
@CSINodeSpec Storage drivers of a node.
drivers One entry for each driver. Empty: none is there.
@CSINodeDriver A storage driver on a node.
allocatable How many volumes of the driver the node can take.
name Name of the driver, as in CSIDriver.
nodeID Name that the driver knows the node by, at most 256 characters. It may differ from the node's
  name.
topologyKeys Labels of the node that say where it is for the driver, such as its zone. Volumes are
  made by their values.
@VolumeNodeResources How many volumes a node can take.
count Most volumes of the driver that pods of the node can use at once. Not given: no bound. 0:
  none.
@CSIStorageCapacity Room that a driver has for volumes of a class, in one part of the cluster. Told
  by the driver; without any for a place the place counts as full.
capacity Room that is left. Not given: nothing is known, and volumes are not made there.
maximumVolumeSize Greatest volume that can be made. Not given: capacity is looked at in its place.
nodeTopology Labels of the nodes that the room can be reached from. Not given: none. Empty: all.
  Cannot be changed.
storageClassName StorageClass that the room is for. Cannot be changed.
@VolumeAttachmentSource The volume to attach. Exactly one of the two is given.
inlineVolumeSpec A volume of a pod's own spec, turned into the form of a PersistentVolume. Only for
  kinds that a CSI driver has taken over.
persistentVolumeName Name of the PersistentVolume.
@VolumeAttachmentStatus Whether a volume is attached. Written by who attaches.
attachError What went wrong when it was last tried to attach. Gone once it worked.
attached Whether the volume is attached.
attachmentMetadata What mounting the volume needs to know, from the driver; at most 256 KiB.
detachError What went wrong when it was last tried to detach. Gone once it worked.
@VolumeError What went wrong with a volume.
errorCode gRPC code of the driver's answer, not less than 0. 8 means that no more volumes can be
  taken.
message What went wrong, for people; at most 1024 bytes. Must not hold secrets.
time When it went wrong.
`;
