// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface ServerStorageVersion {
  apiServerID?: string;
  encodingVersion?: string;
  decodableVersions?: string[];
  servedVersions?: string[];
}

export interface StorageVersion {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: StorageVersionSpec;
  status: StorageVersionStatus;
}

export interface StorageVersionCondition {
  type: string;
  status: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
  reason: string;
  message?: string;
}

export interface StorageVersionList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: StorageVersion[];
}

export interface StorageVersionSpec {
}

export interface StorageVersionStatus {
  storageVersions?: ServerStorageVersion[];
  commonEncodingVersion?: string;
  conditions?: StorageVersionCondition[];
}
