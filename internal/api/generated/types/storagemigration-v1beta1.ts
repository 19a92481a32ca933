// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface StorageVersionMigration {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: StorageVersionMigrationSpec;
  status: StorageVersionMigrationStatus;
}

export interface StorageVersionMigrationList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: StorageVersionMigration[];
}

export interface StorageVersionMigrationSpec {
  resource: metav1.GroupResource;
}

export interface StorageVersionMigrationStatus {
  conditions?: metav1.Condition[];
  resourceVersion?: string;
}
