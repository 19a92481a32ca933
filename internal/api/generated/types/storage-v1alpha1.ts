// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as corev1 from './core-v1.ts';

export interface CSIStorageCapacity {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  nodeTopology?: metav1.LabelSelector;
  storageClassName: string;
  capacity?: string;
  maximumVolumeSize?: string;
}

export interface CSIStorageCapacityList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: CSIStorageCapacity[];
}

export interface VolumeAttachment {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: VolumeAttachmentSpec;
  status: VolumeAttachmentStatus;
}

export interface VolumeAttachmentList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: VolumeAttachment[];
}

export interface VolumeAttachmentSource {
  persistentVolumeName?: string;
  inlineVolumeSpec?: corev1.PersistentVolumeSpec;
}

export interface VolumeAttachmentSpec {
  attacher: string;
  source: VolumeAttachmentSource;
  nodeName: string;
}

export interface VolumeAttachmentStatus {
  attached: boolean;
  attachmentMetadata?: Record<string, string>;
  attachError?: VolumeError;
  detachError?: VolumeError;
}

export interface VolumeAttributesClass {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  driverName: string;
  parameters?: Record<string, string>;
}

export interface VolumeAttributesClassList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: VolumeAttributesClass[];
}

export interface VolumeError {
  time?: string;
  message?: string;
  errorCode?: number;
}
